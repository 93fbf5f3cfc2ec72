import type { End, JsEvent } from '#lib/trace/recording.ts'
import { peerOf } from '#lib/trace/sockets.ts'

/** From some time on, a port is one end's. */
interface Claim {
  fromNs: number
  end: End
}

const LISTENING = /^listening .*:(\d+)$/
const CONNECT = /^connect\((?:.*:)?(\d+)(?: from .*)?\)$/
const SEND = / to \S*:(\d+)\)$/

const portOf = (address: string): string => /:(\d+)$/.exec(address)?.[1] ?? '0'

/**
 * Which end of an example a socket or a packet belongs to, by the ports that the programs speak of.
 *
 * A port on which one end listens is that end's; a port to which one end connects is the other's,
 * also when nobody listens there. All else on the machine belongs to neither.
 */
export class Ports {
  readonly #claims = new Map<string, Claim[]>()

  /** Learns from an event of a program; true if there was something to learn. */
  learn({ end, tNs, event, text }: JsEvent): boolean {
    const listening = event === 'listening' ? LISTENING.exec(text)?.[1] : undefined
    if (listening !== undefined) return this.#claim(listening, { fromNs: tNs, end })
    const target =
      event === 'connect()' ? CONNECT.exec(text) : event === 'send()' ? SEND.exec(text) : null
    return target !== null && this.#claim(target[1]!, { fromNs: tNs, end: peerOf(end) })
  }

  #claim(port: string, claim: Claim): boolean {
    const claims = this.#claims.get(port) ?? []
    if (claims.at(-1)?.end === claim.end) return false
    this.#claims.set(port, [...claims, claim])
    return true
  }

  /** The end that has the first of two addresses; undefined where neither address is known. */
  endOf(own: string, peers: string, tNs: number): End | undefined {
    const end = this.#ownerOf(portOf(own), tNs)
    if (end !== undefined) return end
    const peer = this.#ownerOf(portOf(peers), tNs)
    return peer === undefined ? undefined : peerOf(peer)
  }

  /** Whose it was then; a program speaks of its port only when it has had it for a moment. */
  #ownerOf(port: string, tNs: number): End | undefined {
    const claims = this.#claims.get(port)
    return (claims?.findLast(({ fromNs }) => fromNs <= tNs) ?? claims?.[0])?.end
  }
}
