import { CallExplainer } from './explain-calls.ts'
import { PacketExplainer } from './explain-packets.ts'
import { explainState } from './explain-states.ts'
import type { JsEvent, SyscallEvent, TcpEvent, TraceEvent } from './recording.ts'

/** An event with its meaning. */
export interface Explained {
  event: TraceEvent
  /** What sort of an event it is within its lane; masses of one kind may be summed up. */
  kind: string
  /** It says something of its own, and must not be left out. */
  notable: boolean
}

/** What the names of JavaScript events and calls mean. What a program prints speaks for itself. */
const EVENTS: Record<string, string> = {
  listening: 'the server can be reached',
  connection: 'Node has accepted a client',
  connect: 'the kernel at the other end has answered',
  end: 'the peer has nothing more to send',
  drain: 'Node’s own queue is empty again',
  close: 'the socket is gone',
  timeout: 'nothing was said for long; the socket stays open',
  'listen()': 'become a server at this address',
  'connect()': 'ask that server for a connection',
  'end()': 'nothing more to send after this',
  'destroy()': 'give the socket back now, whatever is left',
  'resetAndDestroy()': 'tear the connection down with a RST',
  'pause()': 'read no more for now',
  'resume()': 'read again',
}

const DATAGRAM_EVENTS: Record<string, string> = {
  listening: 'bound to this address; whoever sends there is heard',
  connect: 'nothing was sent; from now on only this peer is heard',
  close: 'the socket is gone; nobody is told',
}

/**
 * Says of each event what it means to a learner, in `means`.
 *
 * It is stateful: whether a segment is new or sent again, and whether an ACK completes a handshake,
 * depends on what was seen before. So it takes the events of one run in the order of time. It reads
 * no clock: the same events always get the same words.
 */
export class Explainer {
  readonly #packets = new PacketExplainer()
  readonly #calls = new CallExplainer()
  readonly #cwnd = new Map<string, number>()

  push(event: TraceEvent): Explained {
    // It stands for events that were left out, and says so.
    if (event.count !== undefined) return { event, kind: '', notable: false }
    switch (event.lane) {
      case 'js':
        return this.#told(event, event.event ?? 'text', wordsOf(event))
      case 'syscall': {
        const failed = event.error !== undefined && event.error !== 'EAGAIN'
        const what = optionOf(event) ?? event.call
        const kind = `${what}${event.error === undefined ? '' : ` ${event.error}`}`
        return this.#told(event, kind, this.#calls.explain(event), failed)
      }
      case 'state':
        return this.#told(event, event.to, explainState(event.from, event.to, event.sampled))
      case 'packet': {
        const { kind, words, notable } = this.#packets.explain(event)
        return this.#told(event, kind, words, notable)
      }
      case 'tcp':
        return this.#variables(event)
    }
  }

  #told(event: TraceEvent, kind: string, means: string | undefined, notable = false): Explained {
    return { event: means === undefined ? event : { ...event, means }, kind, notable }
  }

  #variables(event: TcpEvent): Explained {
    if (event.kind === 'retransmit') {
      const means = 'the same bytes once more: they, or their acknowledgement, seem to be lost'
      return this.#told(event, 'retransmit', means, true)
    }
    const { local, remote, cwnd, sndUna, sndNxt, sndWnd } = event
    const before = this.#cwnd.get(`${local} ${remote}`)
    if (cwnd !== undefined) this.#cwnd.set(`${local} ${remote}`, cwnd)
    const flying =
      sndUna === undefined || sndNxt === undefined
        ? []
        : [
            `before this segment counts: ${(sndNxt - sndUna + 2 ** 32) % 2 ** 32} bytes not acknowledged`,
          ]
    const changed = before !== undefined && cwnd !== undefined && before !== cwnd
    const may = [
      ...(cwnd === undefined ? [] : [`${cwnd} segments${changed ? ` (was ${before})` : ''}`]),
      ...(sndWnd === undefined ? [] : [`${sndWnd} bytes`]),
    ]
    const means = [...flying, ...(may.length > 0 ? [`may have out ${may.join(', ')}`] : [])]
    return this.#told(event, 'probe', means.join('; ') || undefined, changed && cwnd < before)
  }
}

/** `setsockopt TCP_KEEPIDLE [60]`: each option, and each value of it, is a kind of its own. */
function optionOf({ call, text }: SyscallEvent): string | undefined {
  const [, option, value] = /^setsockopt\(\d+, \w+, (\w+), (.*)\) = /.exec(text) ?? []
  return option === undefined ? undefined : `${call} ${option} ${value}`
}

function wordsOf({ event = '', text, transport }: JsEvent): string | undefined {
  if (event === 'end()' && text.includes('by Node')) return undefined
  if (transport === 'udp') return DATAGRAM_EVENTS[event]
  return EVENTS[event]
}
