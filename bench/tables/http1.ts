/**
 * Pipelined HTTP/1.1 responses: five fields and a body of 64 bytes.
 *
 * A message counts when its status, its fields and its body are there. The parsers hand over the
 * fields in their own ways: llhttp's binding and http-parser-js as a list of strings that is made
 * for every message, this kit as strings made when a field is asked for. So the kit stands here
 * three times: no field read, one field read, every field read.
 *
 * All heads are alike, which the kit's decoder makes use of: heads that differ take it longer.
 */

import type { Candidate, Table, Work } from '../candidate.ts'
import { Tally, work } from '../candidate.ts'
import { block, type Input, randomText, type Writer } from '../input.ts'

const response: Writer = body =>
  Buffer.from(
    'HTTP/1.1 200 OK\r\n' +
      'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n' +
      'Server: example\r\n' +
      'Content-Type: application/json; charset=utf-8\r\n' +
      'Cache-Control: no-cache\r\n' +
      `Content-Length: ${body.length}\r\n\r\n${body.toString('latin1')}`,
    'latin1',
  )

/** What Node's parser and http-parser-js have in common: callbacks by number on the object. */
interface CallbackParser {
  [callback: number]: unknown
  execute(chunk: Uint8Array): number | Error
}

type Callbacks = Record<'kOnHeadersComplete' | 'kOnBody' | 'kOnMessageComplete', number>

/** `bodyOf` makes the body of what `kOnBody` is called with: a view, or the chunk and two numbers. */
function throughCallbacks(
  parser: CallbackParser,
  { kOnHeadersComplete, kOnBody, kOnMessageComplete }: Callbacks,
  input: Input,
): ReturnType<Candidate['prepare']> {
  const tally = new Tally()
  let status = 0
  let fields: readonly string[] = []
  let body: Uint8Array | null = null
  parser[kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    list: string[],
    _method: unknown,
    _url: unknown,
    code: number,
  ): number => {
    status = code
    fields = list
    body = null
    return 0
  }
  parser[kOnBody] = (chunk: Buffer, start?: number, length?: number): void => {
    const part =
      start === undefined || length === undefined ? chunk : chunk.subarray(start, start + length)
    body = body === null ? part : Buffer.concat([body, part])
  }
  parser[kOnMessageComplete] = (): void => {
    if (status !== 200 || fields.length !== 10 || body === null) throw new Error('not the message')
    tally.take(body)
  }
  const run = (): void => {
    for (const chunk of input.chunks) {
      const eaten = parser.execute(chunk)
      if (typeof eaten !== 'number') throw eaten
    }
  }
  return Promise.resolve(work(input, tally, run))
}

async function llhttp(input: Input): ReturnType<Candidate['prepare']> {
  const { HTTPParser } = await import('node:_http_common')
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.RESPONSE, {})
  return throughCallbacks(parser, HTTPParser, input)
}

async function httpParserJs(input: Input): ReturnType<Candidate['prepare']> {
  const { HTTPParser } = await import('http-parser-js')
  // Whoever looks at this property gets the arguments of today's Node, not those of Node 0.12.
  void HTTPParser.kOnExecute
  const parser = new HTTPParser(HTTPParser.RESPONSE)
  const callbacks = HTTPParser as unknown as Callbacks
  return throughCallbacks(parser as unknown as CallbackParser, callbacks, input)
}

type Message = { status: number; headers: Headers; body: Uint8Array }
type Headers = Iterable<[string, string]> & { get(name: string): string | undefined }

/** `look` reads what a program would of the message, after status and body. */
async function kit(input: Input, look: (message: Message) => boolean): Promise<Work> {
  const { http1Response } = await import('../../lib/framing/http1.ts')
  const decoder = http1Response().decoder()
  const tally = new Tally()
  return work(input, tally, () => {
    for (const chunk of input.chunks) {
      decoder.push(chunk)
      for (let message = decoder.read(); message !== null; message = decoder.read()) {
        if (message.status !== 200 || !look(message)) throw new Error('not the message')
        tally.take(message.body)
        tally.last = message
      }
    }
  })
}

/** The step below `read()`: status and body are looked at in place, fields are made on demand. */
async function kitNext(input: Input, field: string | null): Promise<Work> {
  const { http1Response } = await import('../../lib/framing/http1.ts')
  const decoder = http1Response().decoder()
  const tally = new Tally()
  return work(input, tally, () => {
    for (const chunk of input.chunks) {
      decoder.push(chunk)
      while (decoder.next()) {
        if (decoder.status !== 200) throw new Error('not the message')
        if (field !== null) tally.last = decoder.headers.get(field)
        if (tally.kept !== null) {
          tally.take(decoder.bytes.subarray(decoder.start, decoder.endOffset))
        } else {
          tally.frames++
          tally.bytes += decoder.endOffset - decoder.start
        }
      }
    }
  })
}

function readAll({ headers }: Message): boolean {
  let fields = 0
  let characters = 0
  for (const [name, value] of headers) {
    fields++
    characters += name.length + value.length
  }
  return fields === 5 && characters > 100
}

/** Each message holds its body; the wire around it is not part of what is compared. */
function input(): Input {
  return block(64, response, randomText)
}

export const http1Tables: Table[] = [
  {
    name: 'http1-response',
    group: 'http1',
    title: 'responses of five fields and a 64 B body, in 64 KiB chunks',
    unit: 'messages',
    remark:
      'llhttp and http-parser-js make all names and values strings, for every message; this kit ' +
      'makes those that are asked for.',
    reference: 'llhttp',
    candidates: [
      {
        id: 'next',
        label: 'this kit, next(), status and body in place',
        prepare: () => kitNext(input(), null),
      },
      {
        id: 'next-one',
        label: 'this kit, next(), one field asked for',
        prepare: () => kitNext(input(), 'content-type'),
      },
      {
        id: 'read',
        label: 'this kit, read(), no field asked for',
        prepare: () => kit(input(), () => true),
      },
      {
        id: 'read-one',
        label: 'this kit, read(), one field asked for',
        prepare: () => kit(input(), ({ headers }) => headers.get('content-type')?.length === 31),
      },
      {
        id: 'read-all',
        label: 'this kit, read(), all names and values',
        prepare: () => kit(input(), readAll),
      },
      {
        id: 'llhttp',
        label: "llhttp, Node's binding",
        prepare: () => llhttp(input()),
      },
      {
        id: 'http-parser-js',
        label: 'http-parser-js',
        package: 'http-parser-js',
        prepare: () => httpParserJs(input()),
      },
    ],
    targets: [
      { ours: 'next', than: ['llhttp', 'http-parser-js'], atLeast: 4 },
      { ours: 'read', than: ['llhttp', 'http-parser-js'], atLeast: 4 },
    ],
  },
]
