import type { ReadStream, WriteStream } from 'node:tty';

/** Control-C, backspace, delete. */
const INTERRUPT = '\u0003';
const ERASE = ['\b', '\u007f'];

/**
 * Asks for a password on the terminal and shows nothing of what is typed.
 *
 * @throws Error when there is no terminal, or the user interrupts.
 */
export function askPassword(question: string, input: ReadStream, output: WriteStream): Promise<string> {
  if (!input.isTTY) throw new Error('no terminal to ask for a password on; set XSTANZA_PASSWORD');
  return new Promise((resolve, reject) => {
    let password = '';
    output.write(question);
    input.setRawMode(true).setEncoding('utf8').resume();
    const end = (act: () => void) => {
      input.off('data', typed).setRawMode(false).pause();
      output.write('\n');
      act();
    };
    const typed = (text: string) => {
      for (const character of text) {
        if (character === INTERRUPT) return end(() => reject(new Error('interrupted')));
        if (character === '\r' || character === '\n') return end(() => resolve(password));
        password = ERASE.includes(character) ? [...password].slice(0, -1).join('') : password + character;
      }
    };
    input.on('data', typed);
  });
}
