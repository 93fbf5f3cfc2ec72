/**
 * Which ways of framing give back the messages that were sent, however the stream is cut: 50 messages
 * in 2000 random chunkings. It runs on bytes alone: what TCP does to them is in `ten-writes`.
 */
import { randomInt } from 'node:crypto'
import { delimiter } from '#lib/framing/delimiter.ts'
import { fixedLength } from '#lib/framing/fixed-length.ts'
import { type FrameDecoder, FrameError } from '#lib/framing/frame.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { Random } from '#lib/program/random.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  chunkings: number
  /** In how many chunkings the messages came out wrong. */
  none: number
  fixed: number
  prefix: number
  crlf: number
  /** CRLF again, with bodies of which one in seven contains CRLF. */
  collision: number
  /** What the encoder of the kit says to such a body. */
  refused: boolean
  seed: number
}

const MESSAGES = 50
const CHUNKINGS = 2000
/** A chunk is at most so long: a few messages. */
const MOST_BYTES = 200

export default experiment<Observation>({
  title: '50 messages in 2000 random chunkings, with several ways of framing and with none',
  needs: [],
  claims: [
    {
      id: '4.8',
      essential: true,
      statement:
        'The fix is framing: messages of a fixed length, or a length of 4 bytes before each.',
      verdict: 'holds',
      truth:
        'Both give back every message, however the stream is cut. The length needs a limit as well, or a forged one keeps the receiver waiting and its memory growing.',
      source: 'RFC 9293 section 3.8; RFC 1035 section 4.2.2, for one protocol of many',
      example: '04/length-prefix',
      judge: ({ chunkings, none, fixed, prefix }) => ({
        verdict: fixed === 0 && prefix === 0 && none > chunkings / 2 ? 'holds' : 'wrong',
        observed: `wrong in ${prefix} of ${chunkings} chunkings with a length prefix, in ${fixed} with a fixed length, in ${none} without framing`,
      }),
      counterexample: seen => ({ ...seen, prefix: 1 }),
    },
    {
      id: '4.9',
      essential: true,
      statement: 'CRLF after each message works too, unless a message contains CRLF.',
      verdict: 'holds',
      truth:
        'Then it is cut in two, always. So a sender has to refuse such a message, or escape it, or use a length.',
      source: 'RFC 5321 section 4.5.2, for the escape of one protocol',
      example: '04/delimiter',
      judge: ({ chunkings, crlf, collision, refused }) => ({
        verdict: crlf === 0 && collision === chunkings && refused ? 'holds' : 'wrong',
        observed: `wrong in ${crlf} of ${chunkings} chunkings; in ${collision} when one body of seven contains CRLF, which the kit’s encoder ${refused ? 'refuses' : 'takes'}`,
      }),
      counterexample: seen => ({ ...seen, collision: 0 }),
    },
  ],

  async run(_lab, observe) {
    const seed = randomInt(2 ** 31)
    const random = new Random(seed)
    const bodies = (length: (n: number) => number) =>
      Array.from({ length: MESSAGES }, (_, n) => `${n}:`.padEnd(length(n), 'x'))
    const plain = bodies(() => 3 + random.below(60))
    const even = bodies(() => 16)
    const withCrlf = plain.map((body, n) => (n % 7 === 0 ? `${body}\r\n${body}` : body))
    const crlf = (all: string[]) => Buffer.from(all.map(body => `${body}\r\n`).join(''))
    const codecs = {
      prefix: lengthPrefix({ prefixBytes: 4 }),
      fixed: fixedLength({ frameBytes: 16 }),
      crlf: delimiter({ delimiter: '\r\n' }),
    }
    const encoded = (codec: { encode(frame: Uint8Array): Uint8Array }, all: string[]) =>
      Buffer.concat(all.map(body => codec.encode(Buffer.from(body))))

    const wrong = (what: string, wire: Buffer, want: string[], open: () => FrameDecoder) => {
      let count = 0
      for (let n = 0; n < CHUNKINGS; n++) {
        if (decode(open(), random.cut(wire, MOST_BYTES)).join('|') !== want.join('|')) count++
      }
      observe(`${what}: wrong in ${count} of ${CHUNKINGS} chunkings`)
      return count
    }
    let refused = false
    try {
      encoded(codecs.crlf, withCrlf)
    } catch (error) {
      refused = error instanceof RangeError
    }
    observe(`seed ${seed}`)
    return {
      chunkings: CHUNKINGS,
      none: wrong('no framing', Buffer.from(plain.join('')), plain, perChunk),
      fixed: wrong('fixed length', encoded(codecs.fixed, even), even, () => codecs.fixed.decoder()),
      prefix: wrong('length prefix', encoded(codecs.prefix, plain), plain, () =>
        codecs.prefix.decoder(),
      ),
      crlf: wrong('CRLF', crlf(plain), plain, () => codecs.crlf.decoder()),
      collision: wrong('CRLF, bodies with CRLF', crlf(withCrlf), withCrlf, () =>
        codecs.crlf.decoder(),
      ),
      refused,
      seed,
    }
  },
})

function decode(decoder: FrameDecoder, chunks: Uint8Array[]): string[] {
  const messages: string[] = []
  try {
    for (const chunk of chunks) {
      decoder.push(chunk)
      for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
        messages.push(Buffer.from(frame).toString())
      }
    }
    decoder.end()
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    messages.push(error.code)
  }
  return messages
}

/** What a program without framing does: it takes each chunk for a message. */
function perChunk(): FrameDecoder {
  let waiting: Uint8Array | null = null
  return {
    push(chunk) {
      waiting = chunk
    },
    read() {
      const message = waiting
      waiting = null
      return message
    },
    end() {},
  }
}
