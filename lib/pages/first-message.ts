import type { End, Recording } from '#lib/trace/recording.ts'
import { STYLE } from '#lib/trace/svg-style.ts'

/** The picture that opens chapter 01, and the recording that it is drawn from. */
export const FIRST_MESSAGE = {
  picture: 'chapters/01-socket/first-message.svg',
  recording: 'chapters/01-socket/recordings/tcp',
}

const [WIDTH, HEIGHT] = [800, 388]
const CHARACTER = 7.23
/** The client stands on the right, as in every timeline. */
const COLUMN: Record<End, number> = { server: 16, client: 480 }
const COLUMN_WIDTH = 304
const PROCESS = { top: 16, height: 92 }
const KERNEL = { top: 168, height: 184 }
const SOCKET = { top: KERNEL.top + 36, height: 58 }
const SEGMENT = { top: SOCKET.top + 74, height: 50, left: 150, width: 500, header: 348 }

/** One message on its way, as a recording has it. */
interface Message {
  /** What the client's program called: `write(11 bytes "who is who?")`. */
  asked: string
  /** The client's system call, without its result. */
  write: string
  client: string
  server: string
  text: string
  bytes: number
  /** The server's system call. */
  read: string
  /** The event in the server's program: `data 11 bytes "who is who?"`. */
  event: string
}

/**
 * Finds the first bytes that the client sends, and follows them to the server's program.
 *
 * @throws {Error} when the recording lacks a step: the picture would have to invent it.
 */
function firstMessage({ events, meta }: Recording): Message {
  const calls = events.filter(event => event.lane === 'js')
  const systemCalls = events.filter(event => event.lane === 'syscall')
  const segments = events.filter(event => event.lane === 'packet')
  const asked = calls.find(({ end, event }) => end === 'client' && event === 'write()')
  const write = systemCalls.find(({ end, call }) => end === 'client' && call === 'write')
  const segment = segments.find(({ end, len }) => end === 'client' && len > 0)
  const read = systemCalls.find(({ end, call }) => end === 'server' && call === 'read')
  const data = calls.find(({ end, event }) => end === 'server' && event === 'data')
  if (!asked || !write || !segment || !read || !data) {
    const missing = Object.entries({ asked, write, segment, read, data })
      .filter(([, found]) => !found)
      .map(([name]) => name)
    throw new Error(
      `the recording of ${meta.example} lacks: ${missing.join(', ')}; record it again`,
    )
  }
  return {
    asked: asked.text,
    write: write.text.replace(/ = .*$/, ''),
    client: segment.source,
    server: segment.destination,
    text: /"(.*)"/.exec(write.text)?.[1] ?? '',
    bytes: segment.len,
    read: read.text,
    event: data.text,
  }
}

/** Draws how the first message of a recording gets from one program to the other. */
export function renderFirstMessage(recording: Recording): string {
  const message = firstMessage(recording)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>How one message gets from one program to another</title>
<style>${STYLE}  .arrow { fill: none; stroke-width: 1.6 }
  .thin { fill: none; stroke-width: 1 }
</style>
<defs>
${['server', 'client'].map(tip).join('\n')}
</defs>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="6"/>
${process('server', 'the server', [step(5, 'an event'), message.event])}
${process('client', 'the client', [step(1, 'a call in JavaScript'), message.asked])}
<rect class="bar rule" x="16" y="${KERNEL.top}" width="${WIDTH - 32}" height="${KERNEL.height}" rx="6"/>
${text('ink head', WIDTH / 2, KERNEL.top + 24, 'the kernel', 'middle')}
${socket('server', message.server, message.client)}
${socket('client', message.client, message.server)}
${systemCalls(message)}
${segmentBox(message)}
${text('muted small', WIDTH / 2, HEIGHT - 14, NOTE, 'middle')}
</svg>
`
}

/** What a reader might take for a rule: that both programs share one kernel. */
const NOTE =
  'Both programs run on one machine here. Two machines have two kernels, and a network between.'

const step = (number: number, words: string): string => `${'①②③④⑤'[number - 1]} ${words}`

function process(end: End, name: string, lines: readonly string[]): string {
  const x = COLUMN[end]
  const words = lines.map((line, at) =>
    text(at === 0 ? 'muted small' : end, x + 12, PROCESS.top + 50 + at * 20, line),
  )
  return `<rect class="ground rule" x="${x}" y="${PROCESS.top}" width="${COLUMN_WIDTH}" height="${PROCESS.height}" rx="6"/>
${text('ink head', x + 12, PROCESS.top + 22, `process: ${name}`)}
${words.join('\n')}`
}

function socket(end: End, own: string, peer: string): string {
  const x = COLUMN[end] + 12
  const width = COLUMN_WIDTH - 24
  return `<rect class="ground rule" x="${x}" y="${SOCKET.top}" width="${width}" height="${SOCKET.height}" rx="4"/>
${text(`${end} head`, x + 10, SOCKET.top + 22, `socket ${own}`)}
${text('muted small', x + 10, SOCKET.top + 43, `connected to ${peer}`)}`
}

/** The two arrows through the border between a process and the kernel. */
function systemCalls({ write, read }: Message): string {
  const [from, to] = [PROCESS.top + PROCESS.height, SOCKET.top]
  const middle = (end: End) => COLUMN[end] + 32
  const label = (end: End, number: number, call: string) =>
    text('muted small', middle(end) + 12, from + 20, step(number, 'a system call')) +
    text('ink label', middle(end) + 12, from + 40, call)
  return [
    `<path class="arrow from-client" d="M${middle('client')} ${from}V${to}" marker-end="url(#tip-client)"/>`,
    label('client', 2, write),
    `<path class="arrow from-server" d="M${middle('server')} ${to}V${from}" marker-end="url(#tip-server)"/>`,
    label('server', 4, read),
  ].join('\n')
}

/** The segment: its header and its payload, between the two sockets. */
function segmentBox({ client, server, text: payload, bytes }: Message): string {
  const { top, height, left, width, header } = SEGMENT
  const portOf = (address: string) => address.slice(address.lastIndexOf(':') + 1)
  const border = left + width - header
  const line = top + height / 2
  const [sender, receiver] = [COLUMN.client + COLUMN_WIDTH - 60, COLUMN.server + 60]
  const below = SOCKET.top + SOCKET.height
  return `<path class="arrow from-client" d="M${sender} ${below}V${line}H${left + width}"/>
<path class="arrow from-client" d="M${left} ${line}H${receiver}V${below}" marker-end="url(#tip-client)"/>
<rect class="ground from-client thin" x="${left}" y="${top}" width="${width}" height="${height}" rx="3"/>
<path class="thin from-client" d="M${border} ${top}v${height}"/>
${text('muted small', left + 10, top + 20, `${step(3, 'a segment:')} header`)}
${text('ink label', left + 10, top + 39, `${portOf(client)} → ${portOf(server)}`)}
${text('muted small', border + 10, top + 20, `payload, ${bytes} bytes`)}
${text('client', border + 10, top + 39, payload)}`
}

const tip = (end: string): string =>
  `<marker id="tip-${end}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" class="${end}"/></marker>`

function text(css: string, x: number, y: number, words: string, anchor = 'start'): string {
  const room = anchor === 'start' ? WIDTH - 16 - x : WIDTH - 32
  if (words.length * CHARACTER > room) throw new Error(`"${words}" does not fit into the picture`)
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text class="${css}" x="${x}" y="${y}" text-anchor="${anchor}">${escaped}</text>`
}
