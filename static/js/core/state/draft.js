/** The draft: the text of the input, kept in this tab's sessionStorage so that it survives a reload. */

const KEY = 'raner.draft';

/** @returns {string} '' when there is none */
export function loadDraft() {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

/** @param {string} text '' removes the draft */
export function saveDraft(text) {
  try {
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is blocked or full: the text lasts until the page closes.
  }
}
