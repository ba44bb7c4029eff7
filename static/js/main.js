/** Starts the page: one state, one session with the service, and the views. */

import { Api } from './core/service/api.js';
import { shown } from './core/results/entities.js';
import { Heartbeat } from './core/service/heartbeat.js';
import { setLanguage, t } from './core/language/i18n.js';
import { loadPreferences, savePreferences } from './core/state/preferences.js';
import { explain, Session } from './core/service/session.js';
import { createState, foundIn, isStale } from './core/state/state.js';
import { access } from './view/service/access.js';
import { appearance } from './view/page/appearance.js';
import { columns } from './view/page/columns.js';
import { find } from './view/page/dom.js';
import { editor as createEditor } from './view/input/editor.js';
import { exports } from './view/results/exports.js';
import { files } from './view/input/files.js';
import { history } from './view/input/history.js';
import { hud } from './view/service/hud.js';
import { inspector } from './view/results/inspector.js';
import { legend } from './view/results/legend.js';
import { lexicon } from './view/input/lexicon.js';
import { links } from './view/input/links.js';
import { map } from './view/results/map.js';
import { MarkedText } from './view/results/marks.js';
import { notices } from './view/service/notices.js';
import { selector } from './view/service/selector.js';
import { shortcuts } from './view/page/shortcuts.js';
import { statistics } from './view/results/statistics.js';
import { table } from './view/results/table.js';
import { telemetry } from './view/service/telemetry.js';
import { translate } from './view/page/translate.js';

const store = createState(loadPreferences());
const api = new Api(new URL('.', document.baseURI));
const session = new Session(store, api);

// Must be the first watcher: the views below use the language set here.
store.watch(['language'], ({ language }) => {
  setLanguage(language);
  document.title = t('title');
  translate(document.body);
  const button = find('#language', HTMLButtonElement);
  button.textContent = language === 'zh' ? 'EN' : '中文';
  button.lang = language === 'zh' ? 'en' : 'zh-CN';
  button.title = t('language');
});
store.watch(['language', 'theme', 'effects', 'quiet', 'live', 'keep', 'singleKeys', 'grouped', 'extras', 'served'], savePreferences);
store.watch(['entities', 'threshold', 'hidden', 'extras', 'model'], (state) => {
  store.set({ visible: shown(foundIn(state), state.threshold, state.hidden) });
});

find('#language', HTMLButtonElement).addEventListener('click', () => {
  store.set({ language: store.state.language === 'zh' ? 'en' : 'zh' });
});
for (const button of document.querySelectorAll('[data-close]')) {
  button.addEventListener('click', () => button.closest('dialog')?.close());
}

appearance(store);
const marks = new MarkedText(find('#output', HTMLElement), store);
const jump = marks.jump.bind(marks);
const editor = createEditor(store, session);
const key = access(store, api, () => void connect().then(() => session.resume()));
const past = history(store, editor.load);
legend(store);
lexicon(store);
selector(store);
inspector(find('#inspector', HTMLElement), marks, store);
map(store, marks);
table(store, jump);
statistics(store, jump);
hud(store);
telemetry(store, api);
const link = links(store, (text) => editor.load(text));
exports(store, api, link.share);
files(store, editor.load);
shortcuts(store, session, editor);
columns(store);
notices(store, {
  resume: () => void session.resume(),
  key: () => key.ask(),
});
store.watch(['notice'], ({ notice }) => {
  if (notice?.kind === 'auth') key.ask();
});

session.onEnd = () => {
  past.record();
  // The service may have been away when the page opened.
  if (!store.state.model) void connect();
};

let isFirst = true;
store.watch(['served', 'lexicon', 'lexiconOn'], () => {
  // The detection of a text that was not sent yet is up to the user.
  if (!isFirst && isStale(store.state) && store.state.document?.text === store.state.text) editor.refresh();
  isFirst = false;
});

/** Loads the descriptions of the models. A failure is shown in the status; detection can still be tried. */
async function connect() {
  try {
    const [model, models] = await Promise.all([api.model(), api.models()]);
    store.set({ model: models.slice(1).find(({ id }) => id === store.state.served) ?? model, models, service: 'online' });
  } catch (error) {
    store.set({ service: explain(error).service ?? '' });
  }
}

const heartbeat = new Heartbeat(store, api, {
  connect,
  resume: () => session.resumeAutomatically(),
  isVisible: () => !document.hidden,
});
addEventListener('offline', () => store.set({ service: 'offline' }));
addEventListener('online', () => void heartbeat.checkNow());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void heartbeat.checkNow();
});
heartbeat.start();

await Promise.all([link.open(), connect()]);
