/** Lines of text: as strings, and as bytes. */

import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { Candidate, Table } from '../candidate.ts'
import { Tally, throughDecoder, throughNext, throughStream, wideOpen, work } from '../candidate.ts'
import { block, endedBy, type Input, randomText } from '../input.ts'

const lineBytes = 80

/** `indexOf()` for the line feed, then a view: the least that any line splitter does. */
function indexOfLoop(input: Input, endingBytes: number): ReturnType<Candidate['prepare']> {
  const tally = new Tally()
  const { whole } = input
  const run = (): void => {
    let at = 0
    for (let end = whole.indexOf(10); end !== -1; end = whole.indexOf(10, at)) {
      tally.take(whole.subarray(at, end + 1 - endingBytes))
      at = end + 1
    }
  }
  return Promise.resolve(work(input, tally, run))
}

async function readline(input: Input): ReturnType<Candidate['prepare']> {
  const tally = new Tally()
  const source = new Readable({ read() {}, highWaterMark: 16 * 1024 * 1024 })
  const reader = createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })
  reader.on('line', line => tally.take(line))
  const run = async (): Promise<void> => {
    const goal = tally.frames + input.payloads.length
    for (const chunk of input.chunks) source.push(chunk)
    while (tally.frames < goal) await new Promise(resume => setImmediate(resume))
  }
  return work(input, tally, run)
}

/** binary-split yields Buffers; `asText` turns each into the string the table asks for. */
async function binarySplit(
  input: Input,
  ending: string,
  asText: boolean,
): ReturnType<Candidate['prepare']> {
  const { default: split } = await import('binary-split')
  const stream = split(ending)
  if (!asText) return throughStream(stream, input)
  const tally = new Tally()
  stream.on('data', (line: Buffer) => tally.take(line.toString()))
  const run = async (): Promise<void> => {
    const goal = tally.frames + input.payloads.length
    for (const chunk of input.chunks) {
      if (!stream.write(chunk)) await new Promise(resume => stream.once('drain', resume))
    }
    while (tally.frames < goal) await new Promise(resume => setImmediate(resume))
  }
  return work(input, tally, run)
}

/** With `encoding` set, as `pipe()` from a text stream sets it, byline emits strings. */
async function byline(input: Input): ReturnType<Candidate['prepare']> {
  const { default: module } = await import('byline')
  const stream = new module.LineStream({ keepEmptyLines: true, ...wideOpen })
  stream.encoding = 'utf8'
  return throughStream(stream, input)
}

function split2(matcher: string | RegExp): (input: Input) => ReturnType<Candidate['prepare']> {
  return async input => {
    const { default: split } = await import('split2')
    return throughStream(split(matcher, wideOpen), input)
  }
}

function textTable(name: string, ending: '\n' | '\r\n'): Table {
  const input = (): Input => block(lineBytes, endedBy(ending), randomText)
  const printed = JSON.stringify(ending)
  return {
    name: `lines-${name.toLowerCase()}`,
    group: 'lines',
    title: `${lineBytes} B ${name} lines as strings, in 64 KiB chunks`,
    unit: 'lines',
    remark: 'next() makes no strings: it finds the lines and leaves them as bytes.',
    reference: 'split2',
    candidates: [
      {
        id: 'next',
        label: 'this kit, lines(), next(), bytes in place',
        async prepare() {
          const { lines } = await import('../../lib/framing/lines.ts')
          return throughNext(lines().decoder(), input())
        },
      },
      {
        id: 'lines',
        label: 'this kit, lines()',
        async prepare() {
          const { lines } = await import('../../lib/framing/lines.ts')
          return throughDecoder(lines().decoder(), input())
        },
      },
      {
        id: 'transform',
        label: 'this kit, frameTransform(lines())',
        async prepare() {
          const { lines } = await import('../../lib/framing/lines.ts')
          const { frameTransform } = await import('../../lib/framing/stream.ts')
          return throughStream(frameTransform(lines()), input())
        },
      },
      {
        id: 'split2',
        label: `split2(${printed})`,
        package: 'split2',
        prepare: () => split2(ending)(input()),
      },
      {
        id: 'split2-default',
        label: 'split2() (its default, /\\r?\\n/)',
        package: 'split2',
        prepare: () => split2(/\r?\n/)(input()),
      },
      {
        id: 'readline',
        label: 'node:readline, "line" events',
        prepare: () => readline(input()),
      },
      {
        id: 'byline',
        label: 'byline, encoding utf8',
        package: 'byline',
        prepare: () => byline(input()),
      },
      {
        id: 'binary-split',
        label: `binary-split(${printed}) and toString()`,
        package: 'binary-split',
        prepare: () => binarySplit(input(), ending, true),
      },
    ],
    targets: [
      {
        ours: 'lines',
        than: ['split2', 'split2-default', 'readline', 'byline', 'binary-split'],
        atLeast: 1.3,
      },
      { ours: 'next', than: ['lines'], atLeast: 1.2 },
    ],
  }
}

function bytesTable(name: string, ending: '\n' | '\r\n'): Table {
  const input = (): Input => block(lineBytes, endedBy(ending), randomText)
  const printed = JSON.stringify(ending)
  return {
    name: `lines-${name.toLowerCase()}-bytes`,
    group: 'lines',
    title: `${lineBytes} B ${name} lines as bytes, in 64 KiB chunks`,
    unit: 'lines',
    reference: 'index-of',
    candidates: [
      {
        id: 'index-of',
        label: 'bare loop, indexOf() and subarray()',
        prepare: () => indexOfLoop(input(), ending.length),
      },
      {
        id: 'delimiter',
        label: `this kit, delimiter(${printed})`,
        async prepare() {
          const { delimiter } = await import('../../lib/framing/delimiter.ts')
          const codec = delimiter({ delimiter: Buffer.from(ending) })
          return throughDecoder(codec.decoder(), input())
        },
      },
      {
        id: 'binary-split',
        label: `binary-split(${printed})`,
        package: 'binary-split',
        prepare: () => binarySplit(input(), ending, false),
      },
    ],
    targets: [{ ours: 'delimiter', than: ['index-of'], atLeast: 0.9 }],
  }
}

export const linesTables: Table[] = [
  textTable('LF', '\n'),
  textTable('CRLF', '\r\n'),
  bytesTable('LF', '\n'),
  bytesTable('CRLF', '\r\n'),
]
