/** The user's preferences, stored in this browser. When storage is blocked, they last until the page closes. */

const KEY = 'raner.preferences';

/** @typedef {import('./state.js').UserState} Preferences */

/** @type {Omit<Preferences, 'language'>} */
const DEFAULTS = { theme: 'dark', effects: true, quiet: false, live: false, keep: true, singleKeys: true, grouped: true, extras: [], served: '' };
const THEMES = ['dark', 'light', 'system'];

/** @returns {Preferences} */
export function loadPreferences() {
  const stored = readLocal(KEY);
  /** @type {Preferences} */
  const known = { language: preferredLanguage(navigator.languages), ...DEFAULTS };
  if (stored && typeof stored === 'object') {
    for (const name of /** @type {(keyof Preferences)[]} */ (Object.keys(known))) {
      if (typeof stored[name] === typeof known[name]) Object.assign(known, { [name]: stored[name] });
    }
  }
  if (known.language !== 'en') known.language = 'zh';
  if (!THEMES.includes(known.theme)) known.theme = 'dark';
  known.extras = Array.isArray(known.extras) ? known.extras.filter((type) => typeof type === 'string') : [];
  return known;
}

/** @param {Preferences} preferences */
export function savePreferences({ language, theme, effects, quiet, live, keep, singleKeys, grouped, extras, served }) {
  writeLocal(KEY, { language, theme, effects, quiet, live, keep, singleKeys, grouped, extras, served });
}

/**
 * English for browsers that ask for another language than Chinese.
 *
 * @param {readonly string[]} languages the browser's, the preferred one first
 * @returns {import('./state.js').Language}
 */
export function preferredLanguage(languages) {
  const [first = 'zh'] = languages;
  return /^zh\b/i.test(first) ? 'zh' : 'en';
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
