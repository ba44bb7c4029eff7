/** HTTP client of the service: requests, responses and documented errors. Independent of the page. */

/** @typedef {import('../results/entities.js').ApiEntity} ApiEntity */
/** @typedef {{ total?: number, queue?: number, inference?: number }} Timings milliseconds */
/**
 * @typedef {object} Meta
 * @property {string} [model]
 * @property {string} [version]
 * @property {string} [precision]
 * @property {number} [windows]
 * @property {boolean} [cached]
 * @property {Timings} [timings_ms]
 */
/** @typedef {{ data: ApiEntity[], meta: Meta }} ApiResponse */
/**
 * @typedef {object} Model
 * @property {string} id what a request names it by
 * @property {string} name
 * @property {string} version
 * @property {string[]} types
 * @property {string[]} default_types
 * @property {Record<string, string>} colors
 * @property {string} precision
 * @property {string} engine
 * @property {number} workers
 * @property {{ max_chars?: number, max_texts?: number, max_body_bytes?: number, max_lexicon_entries?: number }} limits
 */

export class ApiError extends Error {
  /**
   * @param {number} status 0 when no response arrived
   * @param {string} code
   * @param {string} message
   * @param {number | null} retryAfter seconds
   */
  constructor(status, code, message, retryAfter = null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export class Api {
  /** Kept in memory only; a reload drops it. */
  key = '';
  #base;

  /** @param {URL} base */
  constructor(base) {
    this.#base = base;
  }

  /** @param {string} path */
  url(path) {
    return new URL(path, this.#base).href;
  }

  /**
   * @param {string} text
   * @param {{ types?: string[], model?: string, lexicon?: import('../state/lexicon.js').InlineLexicon, signal?: AbortSignal }} [options]
   * @returns {Promise<ApiResponse>}
   */
  async ner(text, { types, model, lexicon, signal } = {}) {
    // A lone surrogate has no UTF-8 form. Its replacement is one code point as well, so offsets do not change.
    const body = JSON.stringify({ text: text.toWellFormed(), types, model, lexicon });
    const headers = { 'Content-Type': 'application/json' };
    const response = await this.#send('ner', { method: 'POST', headers, body, signal });
    const { data, meta } = await json(response);
    return { data: data ?? [], meta: meta ?? {} };
  }

  /** @returns {Promise<Model>} the default model */
  async model() {
    return model(await json(await this.#send('model')));
  }

  /** @returns {Promise<Model[]>} all models, the default one first */
  async models() {
    const { models } = await json(await this.#send('models'));
    return Array.isArray(models) ? models.map(model) : [];
  }

  /** Resolves when the service is ready. @param {AbortSignal} [signal] */
  async ready(signal) {
    await this.#send('readyz', { signal });
  }

  /** @param {AbortSignal} [signal] */
  async metrics(signal) {
    return (await this.#send('metrics', { signal })).text();
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   */
  async #send(path, init = {}) {
    const headers = new Headers(init.headers);
    if (this.key) headers.set('Authorization', `Bearer ${this.key}`);
    let response;
    try {
      response = await fetch(this.url(path), { ...init, headers });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError(0, 'offline', String(error));
    }
    if (!response.ok) throw await apiError(response);
    return response;
  }
}

/** @param {any} description @returns {Model} */
function model(description) {
  return {
    id: description.id ?? '',
    name: description.name ?? '',
    version: description.version ?? '',
    types: description.types ?? [],
    default_types: description.default_types ?? description.types ?? [],
    colors: description.colors ?? {},
    precision: description.precision ?? '',
    engine: description.engine ?? '',
    workers: description.workers ?? 0,
    limits: description.limits ?? {},
  };
}

/** @param {Response} response */
async function json(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    // The connection broke while the body was read, or a proxy sent something that is not JSON.
    throw new ApiError(0, 'offline', String(error));
  }
}

/** @param {Response} response */
async function apiError(response) {
  const body = await response.json().catch(() => ({}));
  const { code = `http_${response.status}`, message = response.statusText } = body?.error ?? {};
  return new ApiError(response.status, code, message, retryAfter(response.headers.get('Retry-After')));
}

/**
 * @param {string | null} header seconds or a date (RFC 9110, section 10.2.3)
 * @param {number} [now] milliseconds
 */
export function retryAfter(header, now = Date.now()) {
  if (!header) return null;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}
