const PREVIEW_BYTES = 24
/** Of more than this, only the count is of interest. */
const BULK_BYTES = 512

/** `1 byte`, `5 bytes` */
export const bytesInWords = (count: number): string => `${count} byte${count === 1 ? '' : 's'}`

/**
 * `5 bytes "hello"`; bytes that are no text in hex: `4 bytes 00 00 00 05`; a long text is cut: `…`;
 * of a lot of bytes only the count.
 */
export function describeBytes(data: Uint8Array): string {
  const count = bytesInWords(data.length)
  if (data.length === 0 || data.length > BULK_BYTES) return count
  const cut = data.length > PREVIEW_BYTES
  const text = asText(data.subarray(0, PREVIEW_BYTES), cut)
  if (text !== undefined) return `${count} ${JSON.stringify(text).slice(0, -1)}${cut ? '…' : ''}"`
  const hex = Array.from(data.subarray(0, 8), byte => byte.toString(16).padStart(2, '0')).join(' ')
  return `${count} ${hex}${data.length > 8 ? ' …' : ''}`
}

/** The bytes as text, or undefined where they are none. A cut may fall inside a character. */
function asText(data: Uint8Array, cut: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data, { stream: cut })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are no text
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * Text of a program as it can be shown on one line: what would move the cursor, change the colour
 * or be no character of XML is written as `\\x1b`; a tab becomes two spaces.
 */
export function printable(text: string): string {
  return text
    .replaceAll('\t', '  ')
    .replaceAll('\r', '\\r')
    .replaceAll(UNPRINTABLE, character => {
      const code = character.charCodeAt(0).toString(16)
      return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code}`
    })
}

/** Control characters, halves of a pair, marks of lines and of direction, non-characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069\ufffe\uffff]/gu
