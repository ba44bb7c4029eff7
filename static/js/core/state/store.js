/** An observable state: views read it, and run when a field they watch changes. */

/**
 * @template {object} T
 * @typedef {object} Store
 * @property {Readonly<T>} state
 * @property {(patch: Partial<T>) => void} set
 * @property {(fields: (keyof T)[], view: (state: Readonly<T>) => void) => void} watch calls the view at once, and again when one of the fields changes
 */

/**
 * @template {object} T
 * @param {T} initial
 * @returns {Store<T>}
 */
export function createStore(initial) {
  const state = { ...initial };
  /** @type {{ fields: (keyof T)[], view: (state: T) => void }[]} */
  const views = [];
  return {
    state,
    set(patch) {
      const changed = /** @type {(keyof T)[]} */ (Object.keys(patch)).filter((field) => state[field] !== patch[field]);
      if (!changed.length) return;
      Object.assign(state, patch);
      for (const { fields, view } of views) if (fields.some((field) => changed.includes(field))) view(state);
    },
    watch(fields, view) {
      views.push({ fields, view });
      view(state);
    },
  };
}
