import { STYLE } from '#lib/trace/svg-style.ts'

/** Units of the drawing. So narrow that its text is legible on a telephone of 360 pixels. */
export const WIDTH = 440
/** The same width in pixels, where there is room. */
const SHOWN_WIDTH = 500
export const MARGIN = 16
/** Pixels: a picture is no higher than a screen. */
const MAX_HEIGHT = 900

/** Sizes of text, by class. */
const SIZES: Record<string, number> = { tiny: 11, small: 12 }
const SIZE = 13
/** Of a monospaced character: width by size. */
const ADVANCE = 0.602

const LOOKS = `
  text { font-size: ${SIZE}px }
  ${Object.entries(SIZES)
    .map(([name, size]) => `.${name} { font-size: ${size}px }`)
    .join(' ')}
  .thin { fill: none; stroke-width: 1 }
  .arrow { fill: none; stroke-width: 1.6 }
  .dashed { stroke-dasharray: 4 3 }
`

interface Box {
  words: string
  left: number
  right: number
  top: number
  bottom: number
}

export interface TextOptions {
  anchor?: 'start' | 'middle' | 'end'
  /** How wide it may be. Without it, up to the margin. */
  room?: number
  /** Runs upwards, from `x`, `y`. */
  upright?: boolean
}

/**
 * A picture that explains something, as SVG in the reader's colour scheme. It knows how wide its
 * text is, and refuses to be drawn where words are cut or lie upon each other.
 */
export class Picture {
  readonly #title: string
  readonly #description: string
  readonly #parts: string[] = []
  readonly #texts: Box[] = []

  /** `description`: for those who do not see it. */
  constructor(title: string, description: string) {
    this.#title = title
    this.#description = description
  }

  /** @throws {Error} when there is no room for the words. */
  text(css: string, x: number, y: number, words: string, options: TextOptions = {}): void {
    const { anchor = 'start', upright = false } = options
    const width = textWidth(css, words)
    const left = anchor === 'start' ? x : anchor === 'middle' ? x - width / 2 : x - width
    const isOutside = !upright && (left < MARGIN / 2 || left + width > WIDTH - MARGIN / 2)
    if (width > (options.room ?? WIDTH) || isOutside) {
      throw new Error(`"${words}" does not fit into the picture`)
    }
    const size = sizeOf(css)
    // From the top of a capital to below the line.
    const [up, down] = [size * 0.74, size * 0.22]
    this.#texts.push(
      upright
        ? { words, left: x - up, right: x + down, top: y - width, bottom: y }
        : { words, left, right: left + width, top: y - up, bottom: y + down },
    )
    const turn = upright ? ` transform="rotate(-90 ${round(x)} ${round(y)})"` : ''
    const where = anchor === 'start' ? '' : ` text-anchor="${anchor}"`
    const position = `x="${round(x)}" y="${round(y)}"${where}${turn}`
    this.#parts.push(`<text class="${css}" ${position}>${escaped(words)}</text>`)
  }

  rect(css: string, x: number, y: number, width: number, height: number, rx = 3): void {
    const size = `width="${round(width)}" height="${round(height)}" rx="${rx}"`
    this.#parts.push(`<rect class="${css}" x="${round(x)}" y="${round(y)}" ${size}/>`)
  }

  /** A line; with `tip`, an arrow with a head of that colour. */
  path(css: string, d: string, tip?: Tip): void {
    const end = tip === undefined ? '' : ` marker-end="url(#tip-${tip})"`
    this.#parts.push(`<path class="${css}" d="${d}"${end}/>`)
  }

  /** @throws {Error} when two texts lie upon each other, or the picture is too high. */
  render(height: number): string {
    const shown = Math.round((height * SHOWN_WIDTH) / WIDTH)
    if (shown > MAX_HEIGHT) throw new Error(`"${this.#title}" is ${shown} pixels high`)
    for (const [at, one] of this.#texts.entries()) {
      if (one.bottom > height) throw new Error(`"${one.words}" is below the picture`)
      const other = this.#texts.slice(at + 1).find(each => overlap(one, each))
      if (other) throw new Error(`"${one.words}" and "${other.words}" overlap`)
    }
    const used = TIPS.filter(name => this.#parts.some(part => part.includes(`#tip-${name})`)))
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${SHOWN_WIDTH}" height="${shown}" role="img">
<title>${escaped(this.#title)}</title>
<desc>${escaped(this.#description)}</desc>
<style>${STYLE}${LOOKS}</style>
<defs>
${used.map(marker).join('\n')}
</defs>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>
${this.#parts.join('\n')}
</svg>
`
  }
}

const TIPS = ['client', 'server', 'muted', 'alarm'] as const
type Tip = (typeof TIPS)[number]

const marker = (name: Tip): string =>
  `<marker id="tip-${name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" class="${name}"/></marker>`

const sizeOf = (css: string): number =>
  css
    .split(' ')
    .map(name => SIZES[name])
    .find(size => size !== undefined) ?? SIZE

/** How wide words are in the font of a class. */
export const textWidth = (css: string, words: string): number =>
  [...words].length * sizeOf(css) * ADVANCE

const overlap = (one: Box, other: Box): boolean =>
  one.left < other.right &&
  other.left < one.right &&
  one.top < other.bottom &&
  other.top < one.bottom

const round = (value: number): number => Math.round(value * 10) / 10

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
