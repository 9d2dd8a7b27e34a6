/** The page as HTML: live, or with a recording in it. */
import { readFile } from 'node:fs/promises';
import { escaped } from './pictures.ts';

/** What `build-page` leaves to be filled in. */
export const MARKS = { policy: '<!--policy-->', saved: '<!--saved-->', nonce: '{{nonce}}' };

/** The page that was built, by default beside this module. @throws Error if it was not. */
export async function readPage(file: URL = new URL('./page.html', import.meta.url)): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`the live view has no page: \`npm run build\` makes it (${file.pathname})`, { cause: error });
  }
}

/** The page that asks its server for everything. Only the script and the style with that nonce are allowed. */
export function livePage(page: string, nonce: string, title: string | undefined): string {
  return filled(page, nonce, title).replace(MARKS.policy, '').replace(MARKS.saved, '');
}

/** What the browser is told of the live page. */
export function livePolicy(nonce: string): string {
  return `${policy(nonce)}; connect-src 'self'; frame-ancestors 'none'`;
}

/** A page that asks nobody for anything, in what comes before and after the JSON of its recording. */
export function savedPage(page: string, nonce: string, title: string | undefined): readonly [string, string] {
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policy(nonce)}">`;
  const html = filled(page, nonce, title).replace(MARKS.policy, () => meta);
  const at = html.indexOf(MARKS.saved);
  return [
    `${html.slice(0, at)}<script type="application/json" id="saved">`,
    `</script>${html.slice(at + MARKS.saved.length)}`,
  ];
}

/** JSON that says the same and cannot end the element it is in. */
export function embedded(json: string): string {
  return json.replace(/[<\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function filled(page: string, nonce: string, title: string | undefined): string {
  const html = page.replaceAll(MARKS.nonce, nonce);
  return title === undefined ? html : html.replace(/<title>[^<]*/, () => `<title>${escaped(title)}`);
}

function policy(nonce: string): string {
  return `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; base-uri 'none'; form-action 'none'`;
}
