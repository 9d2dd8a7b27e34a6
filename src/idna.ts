/** The domain of a JID: IDNA2008 names (RFC 5890 to 5893) and IP literals, and the form in which DNS and TLS want them. */
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';
import { directionFits, identifierObjection } from './precis.ts';

/** One label of letters, digits and inner hyphens; two hyphens in third place are reserved (RFC 5890 §2.3.1). */
const LABEL = '(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';

/** The source of a regular expression for a lower-case ASCII name, which needs no mapping at all. */
export const PLAIN_DOMAIN = `${LABEL}(?:\\.${LABEL})*`;

const PLAIN = new RegExp(`^${PLAIN_DOMAIN}$`);
const A_LABEL = /^xn--[a-z0-9-]{1,59}$/;
// The URL host parser gives percent signs, slashes and colons a meaning that they do not have in a JID.
const NAME = /^[A-Za-z0-9.\-\u0080-\u{10FFFF}]+$/u;

/** What parts labels, for people with other keyboards too (UTS 46 §2.3). */
const DOTS = /[.\u3002\uFF0E\uFF61]/;
/** Code units of a label above which no A-label can come of it, whatever is composed: Punycode takes their square. */
const MAX_LABEL = 256;

/** Whether a U-label is one by IDNA2008, which is narrower than the mapping of the URL host parser: no symbols, no emoji. */
function isULabel(label: string): boolean {
  if (/^[\x21-\x7E]*$/.test(label)) return PLAIN.test(label);
  if (label.startsWith('-') || label.endsWith('-') || label.startsWith('--', 2)) return false;
  return identifierObjection(label) === undefined && directionFits(label);
}

function prepareName(text: string): string | undefined {
  if (!NAME.test(text) || text.split(DOTS).some((label) => label.length > MAX_LABEL)) return undefined;
  const ascii = domainToASCII(text);
  const name = domainToUnicode(ascii);
  // Not an A-label made by hand, and not an address in disguise such as fullwidth digits.
  if (ascii === '' || isIPv4(ascii) || domainToASCII(name) !== ascii) return undefined;
  if (!ascii.split('.').every((label) => PLAIN.test(label) || A_LABEL.test(label))) return undefined;
  return name.split('.').every(isULabel) ? name : undefined;
}

/**
 * The one spelling of a domain (RFC 7622 §3.2): lower case, U-labels, without the dot at the end; IPv4 as it is, IPv6 in
 * brackets and in its shortest form. `undefined` when it is no domain.
 */
export function prepareDomain(text: string): string | undefined {
  if (text.startsWith('[')) {
    const address = text.endsWith(']') ? text.slice(1, -1) : '';
    return isIPv6(address) && !address.includes('%') ? domainToASCII(text) : undefined;
  }
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  return PLAIN.test(name) ? name : prepareName(name);
}

/** What DNS, TCP and TLS call a JID's domain: A-labels, and IPv6 without its brackets. */
export function hostOf(domain: string): string {
  if (domain.startsWith('[')) return domain.slice(1, -1);
  return PLAIN.test(domain) ? domain : domainToASCII(domain);
}
