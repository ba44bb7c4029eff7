/** Theme, effects and quiet mode, as attributes of the root element that the style sheet reads. */

import { t } from '../../core/language/i18n.js';
import { find } from './dom.js';

/** @typedef {import('../../core/state/state.js').Theme} Theme */

/** @type {Theme[]} */
const THEMES = ['dark', 'light', 'system'];
const LIGHT = matchMedia('(prefers-color-scheme: light)');

/** @param {Theme} theme @returns {'dark' | 'light'} */
export function resolved(theme) {
  if (theme === 'system') return LIGHT.matches ? 'light' : 'dark';
  return theme;
}

/** @param {Theme} theme */
export function applyTheme(theme) {
  const { dataset } = document.documentElement;
  dataset.theme = resolved(theme);
  document.querySelector('meta[name="color-scheme"]')?.setAttribute('content', dataset.theme);
  const background = getComputedStyle(document.documentElement).getPropertyValue('--color-void').trim();
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', background);
}

/** @param {import('../../core/state/state.js').PageStore} store */
export function appearance(store) {
  const theme = find('#theme', HTMLButtonElement);
  const effects = find('#effects', HTMLButtonElement);
  const quiet = find('#quiet', HTMLInputElement);
  const { dataset } = document.documentElement;

  store.watch(['theme', 'language'], (state) => {
    applyTheme(state.theme);
    const label = t('theme', { theme: t(`theme.${state.theme}`) });
    theme.dataset.choice = state.theme;
    theme.setAttribute('aria-label', label);
    theme.title = label;
  });
  store.watch(['effects'], (state) => {
    dataset.effects = state.effects ? 'on' : 'off';
    effects.setAttribute('aria-pressed', String(state.effects));
  });
  store.watch(['quiet'], (state) => {
    dataset.quiet = state.quiet ? 'on' : 'off';
    quiet.checked = state.quiet;
  });
  theme.addEventListener('click', () => {
    store.set({ theme: THEMES[(THEMES.indexOf(store.state.theme) + 1) % THEMES.length] });
  });
  effects.addEventListener('click', () => store.set({ effects: !store.state.effects }));
  quiet.addEventListener('change', () => store.set({ quiet: quiet.checked }));
  LIGHT.addEventListener('change', () => applyTheme(store.state.theme));
}
