/** Entries of the history in IndexedDB. When the browser blocks it, the history lasts until the page closes. */

import { readLocal, writeLocal } from './preferences.js';

/** @typedef {import('../results/history.js').Entry} Entry */

const NAME = 'raner';
const STORE = 'history';
/** Earlier versions stored the history, without results, in localStorage. */
const LEGACY_KEY = 'raner.history';

export class Database {
  /** @type {Promise<IDBDatabase | null>} */
  #opening = open();

  /** @returns {Promise<Entry[]>} the newest first */
  async load() {
    await this.#importLegacy();
    const database = await this.#opening;
    if (!database) return [];
    /** @type {Entry[]} */
    const entries = await done(database.transaction(STORE).objectStore(STORE).getAll());
    return entries.reverse();
  }

  /**
   * Makes the database hold exactly the entries of `after`.
   *
   * @param {readonly Entry[]} before
   * @param {readonly Entry[]} after
   * @returns {Promise<boolean>} whether they were stored
   */
  async save(before, after) {
    const database = await this.#opening;
    if (!database) return false;
    const kept = new Set(after.map(({ at }) => at));
    const known = new Set(before.map(({ at }) => at));
    const transaction = database.transaction(STORE, 'readwrite');
    const store = transaction.objectStore(STORE);
    for (const { at } of before) if (!kept.has(at)) store.delete(at);
    for (const entry of after) if (!known.has(entry.at)) store.put(entry);
    return new Promise((resolve) => {
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
    });
  }

  async #importLegacy() {
    const legacy = readLocal(LEGACY_KEY);
    if (!Array.isArray(legacy)) return;
    const entries = legacy
      .filter((entry) => typeof entry?.text === 'string' && Number.isFinite(entry.at) && entry.counts)
      .map(({ at, text, counts }) => ({ at, text, counts, entities: null }));
    if (await this.save([], entries)) writeLocal(LEGACY_KEY, null);
  }
}

/** @returns {Promise<IDBDatabase | null>} */
async function open() {
  try {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'at' });
    return await done(request);
  } catch {
    return null;
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
