/**
 * Text in GBK: two bytes for a Chinese character, one for ASCII.
 *
 *     0x00 … 0x7f                ASCII
 *     0x81 … 0xfe  0x40 … 0xfe   a character; its second byte is not 0x7f, and may look like ASCII: @ A \ |
 *
 * Node decodes it with the tables of ICU, its library for languages. It does not encode it.
 *
 * @see https://encoding.spec.whatwg.org/#gbk
 */

/** Returns a decoder; where the ICU of this Node has no table for GBK, ends the program. */
export function gbkDecoder() {
  try {
    return new TextDecoder('gbk')
  } catch (error) {
    const { icu = 'none' } = process.versions
    const small = (process.config.variables as { icu_small?: boolean }).icu_small ? ', small' : ''
    console.error(
      `this Node has no table for GBK: ${(error as NodeJS.ErrnoException).code} (its ICU: ${icu}` +
        `${small}; Node from nodejs.org has a full ICU, and the package iconv-lite needs none)`,
    )
    return process.exit(1)
  }
}

/** Returns an encoder: it decodes every pair of bytes once, and looks up the pair of a character. */
export function gbkEncoder(): (text: string) => Buffer {
  const decoder = gbkDecoder()
  const pairs = new Map<string, number[]>()
  for (let first = 0x81; first <= 0xfe; first++) {
    for (let second = 0x40; second <= 0xfe; second++) {
      const character = decoder.decode(Uint8Array.of(first, second))
      if (character.length === 1 && !pairs.has(character)) pairs.set(character, [first, second])
    }
  }
  return text =>
    Buffer.from(
      [...text].flatMap(character => {
        if (character < '\x80') return character.charCodeAt(0)
        const pair = pairs.get(character)
        if (!pair) throw new RangeError(`GBK has no ${character}`)
        return pair
      }),
    )
}
