/**
 * Reads a picture of a machine. Ours are harmless; this makes sure of it before anything becomes part of the page: what is
 * not known to be drawing is left out.
 */

const SVG = 'http://www.w3.org/2000/svg';
/** While it is read it is no drawing: nothing in it is styled, shown or run. */
const INERT = 'urn:xstanza:inert';

const ELEMENTS = new Set(
  (
    'svg g defs marker title desc style path rect circle ellipse line polyline polygon text tspan ' +
    'clipPath linearGradient radialGradient stop symbol'
  ).split(' '),
);

const ATTRIBUTES = new Set(
  (
    'id class role tabindex viewBox preserveAspectRatio width height x y x1 y1 x2 y2 dx dy cx cy r rx ry fx fy d points ' +
    'transform opacity fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset ' +
    'stroke-linecap stroke-linejoin stroke-miterlimit paint-order vector-effect clip-path clip-rule color font-family ' +
    'font-size font-style font-weight font-variant-numeric letter-spacing text-anchor dominant-baseline ' +
    'alignment-baseline text-rendering shape-rendering textLength lengthAdjust visibility pointer-events marker-start ' +
    'marker-mid marker-end markerWidth markerHeight markerUnits refX refY orient gradientUnits gradientTransform offset ' +
    'stop-color stop-opacity clipPathUnits xml:space'
  ).split(' '),
);

/**
 * The picture as an element of this document, not attached yet. `nonce` is what the page's policy wants of a style sheet.
 *
 * @throws Error if `source` is no SVG.
 */
export function parsePicture(source: string, nonce: string): SVGSVGElement {
  const inert = source.replace(`xmlns="${SVG}"`, `xmlns="${INERT}"`);
  const parsed = new DOMParser().parseFromString(inert, 'image/svg+xml').documentElement;
  if (parsed.namespaceURI !== INERT || parsed.localName !== 'svg') throw new Error('this is not a picture');
  return copy(parsed, nonce) as SVGSVGElement;
}

/** Nothing is taken over: what is known is made anew. */
function copy(original: Element, nonce: string): SVGElement {
  const made = document.createElementNS(SVG, original.localName);
  for (const { name, value } of original.attributes) {
    const known = ATTRIBUTES.has(name) || /^(data|aria)-[\w-]+$/.test(name);
    if (known && !leadsAway(value)) made.setAttribute(name, value);
    // As an attribute it would be up to the page's policy.
    if (name === 'style' && !leadsAway(value)) paintBy(value, made);
  }
  if (made instanceof SVGStyleElement) {
    made.nonce = nonce;
    const rules = original.textContent ?? '';
    made.textContent = leadsAway(rules) || rules.includes('@import') ? '' : rules;
    return made;
  }
  for (const child of original.childNodes) {
    if (child instanceof Element) {
      if (child.namespaceURI === INERT && ELEMENTS.has(child.localName)) made.append(copy(child, nonce));
    } else if (child.nodeType === Node.TEXT_NODE) {
      made.append(child.textContent ?? '');
    }
  }
  return made;
}

/** Applies what a `style` attribute says about the drawing. */
function paintBy(declarations: string, element: SVGElement): void {
  for (const declaration of declarations.split(';')) {
    const [property = '', value = ''] = declaration.split(':').map((part) => part.trim());
    if (ATTRIBUTES.has(property)) element.style.setProperty(property, value);
  }
}

/** Names a resource that is not in the picture itself, or hides by an escape what it names. */
const leadsAway = (value: string): boolean => /url\((?!["']?#)|image\(|image-set\(|\\/i.test(value);
