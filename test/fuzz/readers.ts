/** Everything that makes meaning of elements: what the charts hear, stanzas, forms, what others say of themselves. */
import { ReplyError } from '../../src/client/requests.ts';
import { JID } from '../../src/jid.ts';
import { NS } from '../../src/namespaces.ts';
import { CapsError, hashInput, hashOf, verificationInput, verified } from '../../src/services/caps-hash.ts';
import { DiscoInfo, DiscoItems } from '../../src/services/disco/info.ts';
import { formElement, readForms } from '../../src/services/form.ts';
import { readStanzaError, StanzaError } from '../../src/stanza/error.ts';
import { Iq } from '../../src/stanza/iq.ts';
import { Message } from '../../src/stanza/message.ts';
import { Presence } from '../../src/stanza/presence.ts';
import { decodeBind, decodeHeader, decodeLegacySession, decodeNonza, parseCount } from '../../src/stream/decode.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { ONLINE_LIMITS, StreamParser } from '../../src/xml/parser.ts';
import { mutateXml } from './mutate.ts';
import { toBytes } from './pieces.ts';
import { expecting, hold, type Target } from './target.ts';

const STAGES = ['stream', 'auth', 'resume', 'bind', 'enable', 'online', 'close'] as const;

const isOneOf = (value: unknown, ...allowed: readonly unknown[]) => allowed.includes(value);

/** What the charts hear is plain data: a clone of it is the same. */
function checkEvent(event: object | null): void {
  hold(JSON.stringify(structuredClone(event)) === JSON.stringify(event), 'an event that is not plain data');
}

function checkNegotiation(element: Element): void {
  for (const content of ['', NS.client, element.namespace]) checkEvent(decodeHeader(element, content));
  for (const stage of STAGES) checkEvent(decodeNonza(element, stage));
  for (const account of [null, 'romeo@example.org']) {
    const bound = decodeBind(element, 'example.org', account);
    checkEvent(bound);
    if (bound.type !== 'bind.result') continue;
    const jid = JID.parse(bound.jid);
    hold(jid.resource !== undefined, 'bound to a bare JID');
    hold(jid.domain === 'example.org' && isOneOf(account, null, jid.bare.toString()), 'bound to another account');
  }
  checkEvent(decodeLegacySession(element));
  const count = parseCount(element.attr('h'));
  hold(count === null || (Number.isInteger(count) && count >= 0 && count < 2 ** 32), 'a bad count');
}

function checkStanza(element: Element): void {
  const error = readStanzaError(element);
  hold(
    error instanceof StanzaError && isOneOf(error.type, 'auth', 'cancel', 'continue', 'modify', 'wait'),
    'a bad error',
  );
  String(error.toElement());
  const message = new Message(element);
  hold(isOneOf(message.type, 'chat', 'error', 'groupchat', 'headline', 'normal'), 'a bad message type');
  for (const text of [message.body, message.subject, message.thread, message.lang]) {
    hold(text === undefined || typeof text === 'string', 'a text that is none');
  }
  for (const jid of [message.from, message.to]) hold(jid === undefined || jid instanceof JID, 'a JID that is none');
  String(message.reply('yes'));
  const presence = new Presence(element);
  hold(isOneOf(presence.show, undefined, 'away', 'chat', 'dnd', 'xa'), 'a bad show');
  const { type, status, priority } = presence;
  hold(type === undefined || /^[a-z]+$/.test(type), 'a bad presence type');
  hold(status === undefined || typeof status === 'string', 'a status that is none');
  hold(priority === undefined || (priority >= -128 && priority <= 127 && Number.isInteger(priority)), 'a bad priority');
  const iq = new Iq(element);
  hold(isOneOf(iq.type, undefined, 'error', 'get', 'result', 'set'), 'a bad iq type');
  hold((iq.error !== undefined) === (iq.type === 'error'), 'an iq that is an error or not');
}

/** Looks at an element as at what somebody says of themselves. */
function checkInfo(element: Element): void {
  for (const form of readForms(element)) {
    const again = readForms(el('query', {}, formElement(form)));
    hold(JSON.stringify(again) === JSON.stringify([form]), 'a form that is written, and read as another');
  }
  for (const languages of ['own', 'inherited'] as const) {
    for (const input of [verificationInput, hashInput]) {
      const bytes = expecting(() => input(element, languages), CapsError);
      hold(bytes === null || bytes.length < 10 * String(element).length + 100, 'more to hash than there is');
    }
  }
  expecting(() => DiscoItems.read(element), ReplyError)?.toElement();
  const info = expecting(() => DiscoInfo.read(element, 'own'), ReplyError);
  if (info === null) return;
  hold(
    info.identities.every(({ category, type }) => category !== '' && type !== ''),
    'an identity that is none',
  );
  checkEvent(info.toJSON());
  for (const scheme of ['XEP-0115', 'XEP-0390'] as const) {
    const hash = expecting(() => hashOf(scheme, 'sha-256', element, 'own'), CapsError);
    if (hash === null) continue;
    hold(verified(scheme, 'sha-256', hash, element) !== null, 'its own hash does not hold');
    hold(verified(scheme, 'sha-256', `${hash}=`, element) === null, 'another hash holds');
  }
}

function* all(element: Element): Generator<Element> {
  yield element;
  for (const child of element.elements) yield* all(child);
}

function checkElements(text: string): void {
  const found: Element[] = [];
  const take = (element: Element) => found.push(element);
  const parser = new StreamParser({ header: take, element: take, footer() {}, error() {} }, ONLINE_LIMITS);
  parser.write(toBytes(HEADER + text));
  for (const top of found) {
    checkNegotiation(top);
    for (const element of all(top)) {
      checkStanza(element);
      checkInfo(element);
    }
  }
}

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en'>";
const ERROR =
  "<error type='cancel' by='x'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>y</gone><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>z</text><a xmlns='urn:a'/></error>";

export const readers: Target = {
  name: 'readers',
  seeds: [
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[::1]:5222</see-other-host><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>x</text></stream:error>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/><text>x</text></failure><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>eA==</success><challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' max='300' location='example.org:5222'/><resumed xmlns='urn:xmpp:sm:3' previd='x' h='4'/><failed xmlns='urn:xmpp:sm:3' h='3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@example.org/x</jid></bind></iq>",
    "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@example.org</jid></bind></iq>",
    "<a xmlns='urn:xmpp:sm:3' h='4294967296'/><enabled xmlns='urn:xmpp:sm:3' id='' resume='1' max='-1' location='[::1]:99999'/>",
    `<iq type='error' from='a@example.org/x'>${ERROR}</iq>`,
    "<message type='chat' from='a@example.org/x' to='b@example.org'><body>x</body><body xml:lang='de'>y</body><subject/><thread>t</thread></message>",
    "<presence xml:lang='de'><show>away</show><status>x</status><status xml:lang='en'>y</status><priority>-5</priority></presence>",
    "<query xmlns='http://jabber.org/protocol/disco#info' node='n'><identity category='client' type='pc' name='x' xml:lang='en'/><feature var='urn:a'/><feature var='urn:b'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:f</value></field><field var='os'><value>y</value><value>z</value></field></x></query>",
    "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='a.example.org' node='n' name='x'/><item jid='@'/></query>",
  ],
  mutate: mutateXml,
  code: /\/src\/(?:stanza|stream\/decode|services\/(?:form|caps-hash|disco\/info))/,
  run: checkElements,
};
