import type { PacketEvent } from './recording.ts'

/** What of a packet its notation is made of. */
export type PacketFacts = Pick<
  PacketEvent,
  'protocol' | 'flags' | 'seq' | 'ack' | 'isn' | 'len' | 'window' | 'options'
>

/**
 * A packet in a short form of tcpdump's notation: `[S] seq 3001070229 win 65495 mss 65495`,
 * `[P.] seq 3001070230 ack 1848295710 len 6`, `udp len 5`.
 *
 * The sequence number stands there where the segment takes numbers, or ends the connection.
 *
 * The window stands there where it can be read as it is: in a SYN, which is never scaled
 * (RFC 7323 §2.2), and where it is 0.
 */
export function packetText(packet: PacketFacts): string {
  const { protocol, flags, seq, ack, isn, len, window, options = '' } = packet
  if (protocol === 'udp') return `udp len ${len}`
  const isSyn = flags.includes('S')
  const takesNumbers = len > 0 || /[SFR]/.test(flags)
  const mss = /\bmss (\d+)/.exec(options)?.[1]
  return [
    `[${flags}]`,
    ...(seq === undefined || !takesNumbers
      ? []
      : [`seq ${seq}${isn === undefined ? '' : ` (${isn})`}`]),
    ...(ack === undefined ? [] : [`ack ${ack}`]),
    ...(len > 0 ? [`len ${len}`] : []),
    ...(window !== undefined && (isSyn || (window === 0 && !flags.includes('R')))
      ? [`win ${window}`]
      : []),
    ...(isSyn && mss !== undefined ? [`mss ${mss}`] : []),
  ].join(' ')
}
