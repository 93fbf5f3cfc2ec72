import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { SocketAddress } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'

/** States in the order of the kernel's numbers, from 1 on, under the names of RFC 9293. */
const STATES = [
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
  'SYN-RECEIVED',
] as const

export type TcpState = (typeof STATES)[number]

/** One socket as the kernel lists it. */
export interface TcpRow {
  localAddress: string
  localPort: number
  remoteAddress: string
  remotePort: number
  state: TcpState
  /** Bytes that the program has written and the peer has not acknowledged. */
  txQueue: number
  /** Bytes that wait to be read. For LISTEN: connections that wait to be accepted. */
  rxQueue: number
  /** Names the socket in `/proc/PID/fd`. 0: no process owns it (not accepted yet, or orphaned). */
  inode: number
}

/**
 * Reads the kernel's TCP sockets, IPv4 and IPv6, without root: those of our own network namespace,
 * or of the one that a process lives in.
 *
 * @throws {Error} `ENOENT` where there is no `/proc/net/tcp`, as on any system but Linux.
 * @see proc_net_tcp in the kernel's documentation
 * @example
 * ```ts
 * import { readTcpTable } from '#lib/kernel/tcp-table.ts'
 *
 * const listening = readTcpTable().filter(row => row.state === 'LISTEN')
 * ```
 */
export function readTcpTable(pid: number | 'self' = 'self'): TcpRow[] {
  // Without IPv6 in the kernel there is no second table.
  const tables = [`/proc/${pid}/net/tcp`, `/proc/${pid}/net/tcp6`].filter(
    (file, at) => at === 0 || existsSync(file),
  )
  return withoutRepeats(tables.flatMap(file => parseTcpTable(readFileSync(file, 'latin1'))))
}

/**
 * Whether a socket of our own network namespace listens on that port of 127.0.0.1, perhaps because it
 * listens on all addresses. It reads no row behind the listeners: for programs that ask often.
 *
 * @throws {Error} `ENOENT` where there is no `/proc/net/tcp`, as on any system but Linux.
 * @example
 * ```ts
 * import { listensHere } from '#lib/kernel/tcp-table.ts'
 *
 * const isTaken = listensHere(7020)
 * ```
 */
export function isListening(port: number): boolean {
  const [loopback, mapped] = LITTLE_ENDIAN ? ['0100007F', 'FFFF0000'] : ['7F000001', '0000FFFF']
  const addresses = `${loopback}|0{8}|0{32}|0{16}${mapped}${loopback}`
  const row = new RegExp(` (${addresses}):${portInHex(port)} 0+:0000 0A `)
  return ['/proc/net/tcp', '/proc/net/tcp6'].some(
    (file, at) => (at === 0 || existsSync(file)) && row.test(listenersIn(file)),
  )
}

/**
 * One look at the TCP sockets of our own network namespace, for programs that look often: a table is
 * read when it is first needed, and of its rows only those are parsed that are asked for.
 *
 * @example
 * ```ts
 * import { TcpSnapshot } from '#lib/kernel/tcp-table.ts'
 *
 * const [here, there] = new TcpSnapshot().ends(40_000, 7020)
 * ```
 */
export class TcpSnapshot {
  readonly #tables = new Map<string, string>()

  /**
   * The sockets at both ends of a connection, as far as they are here: each end is a row of its own.
   *
   * @throws {Error} `ENOENT` where there is no `/proc/net/tcp`, as on any system but Linux.
   */
  ends(
    localPort: number,
    remotePort: number,
  ): [here: TcpRow | undefined, there: TcpRow | undefined] {
    const [a, b] = [localPort, remotePort].map(portInHex)
    const both = new RegExp(`^ *\\d+: \\w+:(${a} \\w+:${b}|${b} \\w+:${a}) .*$`, 'gm')
    const rowsIn = (file: string) => parseTcpTable((this.#read(file).match(both) ?? []).join('\n'))
    const rows = rowsIn('/proc/net/tcp')
    // A server that listens on all IPv6 addresses has its end of an IPv4 connection in the other table.
    if (rows.length < 2 && existsSync('/proc/net/tcp6')) rows.push(...rowsIn('/proc/net/tcp6'))
    const from = (port: number) => rows.findLast(row => row.localPort === port)
    return [from(localPort), from(remotePort)]
  }

  #read(file: string): string {
    const text = this.#tables.get(file) ?? readFileSync(file, 'latin1')
    this.#tables.set(file, text)
    return text
  }
}

const portInHex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')

/** The rows of a table up to the first that is no listener: the kernel prints listeners first. */
function listenersIn(file: string): string {
  const piece = Buffer.alloc(4096) // as much as the kernel gives at a time
  const table = openSync(file, 'r')
  try {
    let text = ''
    for (;;) {
      const length = readSync(table, piece)
      text += piece.toString('latin1', 0, length)
      if (length === 0 || / [0-9A-F]{4,}:[0-9A-F]{4} (?!0A)[0-9A-F]{2} /.test(text)) return text
    }
  } finally {
    closeSync(table)
  }
}

/**
 * The rows, each socket once. A long table is read in several pieces, and where sockets come and go
 * in between, the kernel may print one of them in two pieces. The later row is the newer one.
 */
export function withoutRepeats(rows: readonly TcpRow[]): TcpRow[] {
  const sockets = new Map<string, TcpRow>()
  for (const row of rows) {
    const { localAddress, localPort, remoteAddress, remotePort, inode } = row
    sockets.set(`${localAddress} ${localPort} ${remoteAddress} ${remotePort} ${inode}`, row)
  }
  return [...sockets.values()]
}

/** A row: its number, both endpoints, state, queues, five columns about timers and owner, inode. */
const ROW = /^ *\d+: (\w+):(\w+) (\w+):(\w+) (\w+) (\w+):(\w+) \S+ +\S+ +\d+ +\d+ +(\d+)/gm

/** The part of `readTcpTable` that needs no kernel. */
export function parseTcpTable(text: string): TcpRow[] {
  // A busy machine has thousands of rows, with few addresses in them.
  const known = new Map<string, string>()
  const addressOf = (words: string) => {
    const address = known.get(words) ?? parseAddress(words)
    known.set(words, address)
    return address
  }
  const hex = (digits: string) => Number.parseInt(digits, 16)
  return Array.from(text.matchAll(ROW), ([, local, at, remote, to, state, tx, rx, inode]) => ({
    localAddress: addressOf(local!),
    localPort: hex(at!),
    remoteAddress: addressOf(remote!),
    remotePort: hex(to!),
    state: STATES[hex(state!) - 1] ?? 'CLOSED',
    txQueue: hex(tx!),
    rxQueue: hex(rx!),
    inode: Number(inode),
  }))
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/**
 * Reads an endpoint of a kernel table. An address is printed in words of the machine's byte order, a
 * port as a number.
 */
export function parseEndpoint(text: string): [address: string, port: number] {
  const [words = '', port = ''] = text.split(':')
  return [parseAddress(words), Number.parseInt(port, 16)]
}

function parseAddress(words: string): string {
  const bytes = (words.match(/.{8}/g) ?? []).flatMap(word => {
    const inOrder = [0, 2, 4, 6].map(at => Number.parseInt(word.slice(at, at + 2), 16))
    return LITTLE_ENDIAN ? inOrder.reverse() : inOrder
  })
  return bytes.length === 4 ? bytes.join('.') : ipv6(bytes)
}

/** Sixteen bytes as Node writes them: `::1`, `::ffff:127.0.0.1`. */
function ipv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes[2 * at]! * 256 + bytes[2 * at + 1]!)
  const address = groups.map(group => group.toString(16)).join(':')
  return new SocketAddress({ address, family: 'ipv6' }).address
}

/** A row as one line: `ESTABLISHED 127.0.0.1:7014 -> 127.0.0.1:40000 tx 0 rx 5 inode 0`. */
export function describeRow(row: TcpRow): string {
  const { state, localAddress, localPort, remoteAddress, remotePort, txQueue, rxQueue, inode } = row
  const from = endpoint(localAddress, localPort)
  const to = state === 'LISTEN' ? '' : ` -> ${endpoint(remoteAddress, remotePort)}`
  return `${state} ${from}${to} tx ${txQueue} rx ${rxQueue} inode ${inode}`
}
