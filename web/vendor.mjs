// Copies third-party files: fonts and the used function of fflate into ../static, and axe-core into
// ../tests/browser/vendor so that the tests do not need npm. Run it after changing a version: `npm run vendor`.
import { copyFile, mkdir } from 'node:fs/promises';
import { build } from 'esbuild';

const fonts = [
  ['chakra-petch', 'chakra-petch-latin-600-normal.woff2'],
  ['chakra-petch', 'chakra-petch-latin-700-normal.woff2'],
  ['share-tech-mono', 'share-tech-mono-latin-400-normal.woff2'],
];

await mkdir('../static/fonts', { recursive: true });
await mkdir('../static/vendor', { recursive: true });
for (const [family, file] of fonts) {
  await copyFile(`node_modules/@fontsource/${family}/files/${file}`, `../static/fonts/${file}`);
  await copyFile(`node_modules/@fontsource/${family}/LICENSE`, `../static/fonts/${family}.LICENSE.txt`);
}
const tests = '../tests/browser/vendor';
await mkdir(tests, { recursive: true });
await copyFile('node_modules/axe-core/axe.min.js', `${tests}/axe.min.js`);
await copyFile('node_modules/axe-core/LICENSE', `${tests}/axe.LICENSE.txt`);
await copyFile('node_modules/axe-core/LICENSE-3RD-PARTY.txt', `${tests}/axe.LICENSE-3RD-PARTY.txt`);
await copyFile('node_modules/fflate/LICENSE', '../static/vendor/fflate.LICENSE.txt');
await build({
  stdin: { contents: `export { unzipSync } from 'fflate';`, resolveDir: '.' },
  outfile: '../static/vendor/fflate.js',
  bundle: true,
  format: 'esm',
  minify: true,
  platform: 'browser',
  banner: { js: '/* fflate 0.8.3, MIT, https://github.com/101arrowz/fflate (unzipSync only; see fflate.LICENSE.txt) */' },
});
