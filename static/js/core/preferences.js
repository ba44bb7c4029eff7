/** The user's preferences, stored in this browser. When storage is blocked, they last until the page closes. */

const KEY = 'raner.preferences';

/** @typedef {Pick<import('./state.js').State, 'language' | 'effects' | 'live' | 'keep' | 'singleKeys' | 'extras'>} Preferences */

/** @type {Preferences} */
const DEFAULTS = { language: 'zh', effects: true, live: false, keep: true, singleKeys: true, extras: [] };

/** @returns {Preferences} */
export function loadPreferences() {
  const stored = readLocal(KEY);
  const known = { ...DEFAULTS };
  if (stored && typeof stored === 'object') {
    for (const name of /** @type {(keyof Preferences)[]} */ (Object.keys(DEFAULTS))) {
      if (typeof stored[name] === typeof DEFAULTS[name]) Object.assign(known, { [name]: stored[name] });
    }
  }
  if (known.language !== 'en') known.language = 'zh';
  known.extras = Array.isArray(known.extras) ? known.extras.filter((type) => typeof type === 'string') : [];
  return known;
}

/** @param {Preferences} preferences */
export function savePreferences({ language, effects, live, keep, singleKeys, extras }) {
  writeLocal(KEY, { language, effects, live, keep, singleKeys, extras });
}

/** @param {string} key @returns {any} null when nothing is stored */
export function readLocal(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

/** @param {string} key @param {unknown} value null removes it */
export function writeLocal(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
