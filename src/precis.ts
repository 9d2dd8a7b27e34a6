/**
 * The two PRECIS profiles that a JID needs (RFC 8264, RFC 8265): UsernameCaseMapped for the localpart and OpaqueString for
 * the resourcepart. The tables are Unicode's own, as the running JavaScript engine knows them; a code point that it does
 * not know yet is unassigned and refused, as the RFC asks for.
 *
 * Every regular expression here is linear in the length of its input.
 */
import { domainToASCII } from 'node:url';

/** Why a string does not fit a profile. */
export type PrecisReason = 'empty' | 'disallowed' | 'context' | 'direction';

/** A string that does not fit its profile; `reason` tells which rule it breaks. */
export class PrecisError extends Error {
  override readonly name = 'PrecisError';
  readonly reason: PrecisReason;

  constructor(reason: PrecisReason) {
    super(`string refused by its PRECIS profile: ${reason}`);
    this.reason = reason;
  }
}

/**
 * What no class allows (RFC 8264 §9): unassigned, private, control and format characters, line separators, what is
 * ignorable by default, old Hangul jamo, and the exceptions of RFC 5892 §2.6. Joiners have a rule of their own.
 */
const NEVER =
  /(?![\u200C\u200D])[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u1100-\u11FF\uA960-\uA97C\uD7B0-\uD7FB\u0640\u07FA\u302E\u302F\u3031-\u3035\u303B]/u;

/** IdentifierClass (RFC 8264 §4.2): letters, digits, marks, visible ASCII, and RFC 5892's exceptions. */
const IDENTIFIER =
  /^[\x21-\x7E\p{Ll}\p{Lu}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}\u00B7\u0375\u05F3\u05F4\u06FD\u06FE\u0F0B\u3007\u30FB\u200C\u200D]*$/u;

/** The code points that have a contextual rule (RFC 5892, appendix A). */
const CONTEXTUAL = /[\u00B7\u0375\u05F3\u05F4\u30FB\u0660-\u0669\u06F0-\u06F9\u200C\u200D]/;

/** The rules that look at neighbours: between two l, before Greek, after Hebrew. */
const MISPLACED = /(?<!l)\u00B7|\u00B7(?!l)|\u0375(?!\p{Script=Greek})|(?<!\p{Script=Hebrew})[\u05F3\u05F4]/u;

/** A joiner with the letter before it, the marks between, and the letter after it; looking back only where one stands. */
const JOINER = /[\u200C\u200D](?<=(\P{M}?)(\p{M}*).)(?=\p{M}*(\P{M}?))/gu;

/** The blocks in which letters run from right to left (bidirectional classes R and AL, with their digits of class AN). */
const RTL_BLOCKS = '\\u0590-\\u08FF\\uFB1D-\\uFDFF\\uFE70-\\uFEFF\\u{10800}-\\u{10FFF}\\u{1E800}-\\u{1EFFF}';
/** Modifier letters without a direction of their own (class ON). */
const NEUTRAL = '\\u02B9\\u02BA\\u02C6-\\u02CF\\u02EC\\u2E2F\\uA67F\\uA717-\\uA71F\\uA788';
const EUROPEAN_DIGIT = /[0-9\u06F0-\u06F9]/;
const ARABIC_DIGIT = /[\u0660-\u0669\u{10D30}-\u{10D39}]/u;
const RTL = new RegExp(`(?![\\p{M}\\u06F0-\\u06F9])[${RTL_BLOCKS}]`, 'u');
const RTL_START = new RegExp(`^(?![\\p{M}\\u0660-\\u0669\\u06F0-\\u06F9\\u{10D30}-\\u{10D39}])[${RTL_BLOCKS}]`, 'u');
const RTL_ONLY = new RegExp(`^[${RTL_BLOCKS}${NEUTRAL}\\p{Mn}\\x21-\\x40\\x5B-\\x60\\x7B-\\x7E\\u200C\\u200D]*$`, 'u');
const RTL_END = new RegExp(`(?:(?!\\p{M})[${RTL_BLOCKS}]|[0-9])\\p{Mn}*$`, 'u');

/** Fullwidth and halfwidth forms, which the username profile maps to the characters they stand for. */
const WIDE_OR_NARROW = /[\u3000\uFF01-\uFFEE]+/g;

/** Canonical_Combining_Class Virama is 9. What reorders before a mark of class 10 and behind one of class 8 has it. */
function isVirama(mark: string): boolean {
  return `\u05B0${mark}`.normalize('NFD') === `${mark}\u05B0` && `${mark}\u3099`.normalize('NFD') === `\u3099${mark}`;
}

/** A zero-width non-joiner may part letters that would join. IDNA has the same rule, and the engine knows its tables. */
function wouldJoin(before: string, after: string): boolean {
  return domainToASCII(`${before}\u200C${after}`) !== '';
}

function joinersFit(value: string): boolean {
  for (const [joiner, before = '', marks = '', after = ''] of value.matchAll(JOINER)) {
    const mark = [...marks].at(-1);
    if (mark !== undefined && isVirama(mark)) continue;
    if (joiner === '\u200D' || !wouldJoin(before, after)) return false;
  }
  return true;
}

/** Whether every character that depends on its surroundings stands where it may (RFC 5892, appendix A). */
function contextFits(value: string): boolean {
  if (!CONTEXTUAL.test(value)) return true;
  if (MISPLACED.test(value)) return false;
  if (value.includes('\u30FB') && !/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(value)) return false;
  if (/[\u0660-\u0669]/.test(value) && /[\u06F0-\u06F9]/.test(value)) return false;
  return joinersFit(value);
}

/** The Bidi Rule of RFC 5893 §2, for a string that passed the IdentifierClass. Without a right-to-left letter it is idle. */
export function directionFits(value: string): boolean {
  if (!RTL.test(value)) return true;
  if (!RTL_START.test(value) || !RTL_ONLY.test(value) || !RTL_END.test(value)) return false;
  return !(EUROPEAN_DIGIT.test(value) && ARABIC_DIGIT.test(value));
}

/** Whether an already mapped string fits the IdentifierClass: no symbol, no space, nothing with a compatible twin. */
export function identifierObjection(value: string): PrecisReason | undefined {
  if (NEVER.test(value) || !IDENTIFIER.test(value) || value.normalize('NFKC') !== value) return 'disallowed';
  return contextFits(value) ? undefined : 'context';
}

/**
 * Enforces UsernameCaseMapped (RFC 8265 §3.3): width and case mapped, NFC, IdentifierClass, Bidi Rule.
 *
 * @throws PrecisError when the string is empty or breaks a rule.
 */
export function usernameCaseMapped(text: string): string {
  const narrow = text.replace(WIDE_OR_NARROW, (wide) => wide.normalize('NFKC'));
  const value = narrow.toLowerCase().normalize('NFC');
  if (value === '') throw new PrecisError('empty');
  const objection = identifierObjection(value);
  if (objection !== undefined) throw new PrecisError(objection);
  if (!directionFits(value)) throw new PrecisError('direction');
  return value;
}

/**
 * Enforces OpaqueString (RFC 8265 §4.2): every space becomes U+0020, NFC, FreeformClass; case and width are kept.
 *
 * @throws PrecisError when the string is empty or breaks a rule.
 */
export function opaqueString(text: string): string {
  const value = text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
  if (value === '') throw new PrecisError('empty');
  if (NEVER.test(value)) throw new PrecisError('disallowed');
  if (!contextFits(value)) throw new PrecisError('context');
  return value;
}
