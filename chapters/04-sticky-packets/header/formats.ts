import type { ByteFrameCodec } from '#lib/framing/frame.ts'
import { type LengthPrefixOptions, lengthPrefix } from '#lib/framing/length-prefix.ts'

/** A length inside a header: how to read it, and in which ways one gets it wrong. */
export interface Format {
  codec: ByteFrameCodec
  headerBytes: number
  /** A header; `codec.encode()` writes the length into it. */
  header: Buffer
  mistakes: Record<string, LengthPrefixOptions>
}

const maxFrameBytes = 64 * 1024

// #region formats
/**
 * PostgreSQL: a letter, then a length of four bytes that counts itself, and not the letter.
 *
 *     64  00 00 00 07  6f 6e 65
 *     d   7            o  n  e
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html CopyData
 */
const postgresql: Format = {
  codec: lengthPrefix({
    lengthFieldOffset: 1, // one byte is before the length
    lengthAdjustment: -4, // behind the length come four bytes fewer than it says
    stripBytes: 0, // keep the header
    maxFrameBytes,
  }),
  headerBytes: 5,
  header: Buffer.from('d....'),
  mistakes: {
    'length taken from the first byte on': { maxFrameBytes },
    'length taken for that of the payload': { lengthFieldOffset: 1, stripBytes: 0, maxFrameBytes },
  },
}

/**
 * MySQL: a length of three bytes, the least significant first, then a number that it does not count.
 *
 *     03 00 00  00  6f 6e 65
 *     3         0   o  n  e
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
 */
const mysql: Format = {
  codec: lengthPrefix({
    prefixBytes: 3,
    endian: 'little',
    lengthAdjustment: 1, // behind the length comes one byte more than it says
    stripBytes: 0,
    maxFrameBytes,
  }),
  headerBytes: 4,
  header: Buffer.from('...\0'),
  mistakes: {
    'length read as big-endian': {
      prefixBytes: 3,
      lengthAdjustment: 1,
      stripBytes: 0,
      maxFrameBytes,
    },
    'number taken for payload': { prefixBytes: 3, endian: 'little', stripBytes: 0, maxFrameBytes },
  },
}
// #endregion formats

const formats: Record<string, Format> = { postgresql, mysql }

export const formatFlag = {
  default: 'postgresql',
  required: true as const,
  help: 'postgresql or mysql: whose messages to use',
}

/** For `check` of `readOptions`. */
export function formatIsUnknown({ format }: { format: string }): string | undefined {
  if (Object.hasOwn(formats, format)) return undefined
  return `--format is "${format}": expected ${Object.keys(formats).join(' or ')}`
}

export const formatOf = (name: string): Format => formats[name]!
