/** What one kind of client says and expects, prepared once, and a connection that speaks it. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Wire } from './kinds.ts'

/** So many different messages follow each other in turn, if they are not too large for that. */
const mostMessages = 64
const mostPayloadBytes = 256 * 1024
/** More than one read of a socket gives. */
const largestReadBytes = 64 * 1024

/** Messages in the order of sending, over and over: the bytes, and where each message ends. */
interface Cycle {
  bytes: Buffer
  ends: number[]
}

export interface Script {
  port: number
  opening: string | null
  messages: number
  /** Two rounds of all messages, so that any `messages` of them lie in one piece. */
  requests: Cycle
  /** One round, and as many bytes of the next one as a read may add. */
  replies: Cycle
}

function cycle(messages: readonly Buffer[], atLeastBytes: number): Cycle {
  const all = [...messages, ...messages]
  const round = messages.reduce((sum, message) => sum + message.length, 0)
  for (let size = 2 * round; size < atLeastBytes; size += round) all.push(...messages)
  let end = 0
  return { bytes: Buffer.concat(all), ends: all.map(({ length }) => (end += length)) }
}

export async function scriptOf(wire: Wire, port: number, bytes: number): Promise<Script> {
  const count = Math.max(2, Math.min(mostMessages, Math.floor(mostPayloadBytes / bytes)))
  const payloads = Array.from({ length: count }, (_, i) =>
    wire.payload(bytes, wire.fixed ? 1 : i + 1),
  )
  const requests = payloads.map(wire.request)
  const { reply } = wire
  const learnt = reply === null ? await learn(port, requests[0]!, payloads[0]!) : null
  const replies = payloads.map(payload => learnt ?? reply!(payload))
  const round = replies.reduce((sum, { length }) => sum + length, 0)
  return {
    port,
    opening: wire.opening ?? null,
    messages: count,
    requests: cycle(requests, 0),
    replies: cycle(replies, round + largestReadBytes),
  }
}

/** Returns an HTTP answer as its server writes it, once status and body are seen to be right. */
async function learn(port: number, request: Buffer, body: Buffer): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1' })
  let answer = Buffer.alloc(0)
  try {
    socket.write(request)
    for (;;) {
      const headEnd = answer.indexOf('\r\n\r\n') + 4
      if (headEnd >= 4 && answer.length >= headEnd + body.length) {
        const head = answer.subarray(0, headEnd).toString('latin1')
        const right =
          head.startsWith('HTTP/1.1 200 ') &&
          new RegExp(`\r\ncontent-length: ${body.length}\r\n`, 'i').test(head) &&
          answer.subarray(headEnd).equals(body)
        if (!right) throw new Error(`another answer than expected: ${JSON.stringify(head)}`)
        return answer
      }
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      answer = Buffer.concat([answer, chunk])
    }
  } finally {
    socket.resetAndDestroy()
  }
}

/** A connection that compares every byte of the answers with what they must be. */
export class Talker {
  sent = 0
  answered = 0
  bytesVerified = 0
  readonly socket: Socket
  readonly #script: Script
  readonly #onAnswers: (talker: Talker, answers: number) => void
  readonly #fail: (error: Error) => void
  /** Where in a round of replies the next byte belongs, and which reply it is part of. */
  #at = 0
  #reply = 0
  #ending = false

  private constructor(
    socket: Socket,
    script: Script,
    onAnswers: (talker: Talker, answers: number) => void,
    fail: (error: Error) => void,
  ) {
    this.socket = socket
    this.#script = script
    this.#onAnswers = onAnswers
    this.#fail = fail
    socket.on('error', error => this.#lost(error))
    socket.on('close', () => this.#lost(new Error('the server closed a connection')))
  }

  /** Connects, exchanges the opening if there is one, and then sends nothing by itself. */
  static open(
    script: Script,
    onAnswers: (talker: Talker, answers: number) => void,
    fail: (error: Error) => void,
    localAddress?: string,
  ): Promise<Talker> {
    const socket = connect({
      port: script.port,
      host: '127.0.0.1',
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    })
    const talker = new Talker(socket, script, onAnswers, fail)
    return new Promise(resolve => {
      const ready = (): void => {
        socket.on('data', chunk => talker.#take(chunk))
        resolve(talker)
      }
      socket.once('connect', () => {
        if (script.opening === null) ready()
        else {
          socket.write(script.opening)
          talker.#opened(ready)
        }
      })
    })
  }

  /** Waits for the end of the head that answers the opening; nothing else may follow it yet. */
  #opened(ready: () => void): void {
    let head = ''
    const take = (chunk: Buffer): void => {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      this.socket.off('data', take)
      if (!head.startsWith('HTTP/1.1 101 ') || !head.endsWith('\r\n\r\n')) {
        this.#lost(new Error(`another answer than expected: ${JSON.stringify(head)}`))
      }
      ready()
    }
    this.socket.on('data', take)
  }

  /** Sends the next `count` messages in one write. */
  send(count: number): void {
    const { messages, requests } = this.#script
    for (let left = count; left > 0; ) {
      const part = Math.min(left, messages)
      const first = this.sent % messages
      const from = first === 0 ? 0 : requests.ends[first - 1]!
      this.socket.write(requests.bytes.subarray(from, requests.ends[first + part - 1]!))
      this.sent += part
      left -= part
    }
  }

  #take(chunk: Buffer): void {
    const { messages, replies } = this.#script
    const round = replies.ends[messages - 1]!
    const end = this.#at + chunk.length
    if (chunk.compare(replies.bytes, this.#at, end) !== 0) {
      this.#lost(new Error(`a wrong byte after ${this.bytesVerified} bytes of right answers`))
      return
    }
    this.bytesVerified += chunk.length
    let reply = this.#reply
    while (replies.ends[reply]! <= end) reply++
    const answers = reply - this.#reply
    this.#at = end % round
    this.#reply = reply % messages
    this.answered += answers
    if (this.answered > this.sent) {
      this.#lost(new Error('more answers than messages'))
    } else if (answers > 0) this.#onAnswers(this, answers)
  }

  /** Ends the connection with RST, which leaves no TIME-WAIT behind, and waits for its close. */
  async reset(): Promise<void> {
    this.#ending = true
    if (this.socket.closed) return
    const closed = once(this.socket, 'close')
    this.socket.resetAndDestroy()
    await closed
  }

  #lost(error: Error): void {
    if (this.#ending) return
    this.#ending = true
    this.socket.destroy()
    this.#fail(error)
  }
}
