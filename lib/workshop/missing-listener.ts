import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { readUdpTable } from '#lib/kernel/udp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { processesOf, socketsOf } from './process-group.ts'

/** What is to be explained: nothing takes connections, or datagrams, on that port of 127.0.0.1. */
export interface MissingListener {
  transport: 'TCP' | 'UDP'
  port: number
  /** The group of processes; undefined for a server that the check did not start. */
  group?: number | undefined
}

interface Listener {
  transport: 'TCP' | 'UDP'
  address: string
  port: number
}

/**
 * Says what the kernel's tables show in place of the listener that should be there; undefined where
 * they show nothing of it.
 */
export function explainMissingListener(
  start: MissingListener,
): { what: string; likelyCause: string } | undefined {
  const { transport, port, group } = start
  let listeners: Listener[]
  try {
    listeners = listenersOf(group, port)
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    return {
      what: `the table of sockets cannot be read: ${path} ${code}`,
      likelyCause:
        'it cannot be seen what the program does instead; ' +
        'it may listen on another port or address, or need longer to start (--start-timeout)',
    }
  }
  if (listeners.length === 0) return busyInstead(group)
  const where = [...new Set(listeners.map(one => endpoint(one.address, one.port)))].join(' and ')
  const same = listeners.filter(one => one.transport === transport)
  if (same.length === 0) {
    const [{ transport: other }] = listeners as [Listener]
    const what = `it has a ${other} socket, on ${where}, and none for ${transport}`
    return { what, likelyCause: `this exercise is about ${transport}` }
  }
  const onPort = same.filter(one => one.port === port)
  if (onPort.length === 0) {
    const likelyCause = 'the port is in the environment variable PORT, and that one has to be used'
    return { what: `it listens on ${where}`, likelyCause }
  }
  const isLoopback6 = onPort.every(one => one.address === '::1')
  const likelyCause = isLoopback6
    ? '::1 is the loopback address of IPv6, and localhost may resolve to it: listen on 127.0.0.1'
    : 'the check connects to 127.0.0.1: listen on that address'
  return { what: `it listens on ${where} only`, likelyCause }
}

/** Sockets of the group that wait for peers, or, without a group, those on the port. */
function listenersOf(group: number | undefined, port: number): Listener[] {
  const inodes = socketsOf(processesOf(group))
  const isMeant = (row: { inode: number; localPort: number }) =>
    group === undefined ? row.localPort === port : inodes.has(row.inode)
  const tcp = readTcpTable().filter(row => row.state === 'LISTEN' && isMeant(row))
  const udp = readUdpTable().filter(row => row.remotePort === 0 && isMeant(row))
  const listed =
    (transport: 'TCP' | 'UDP') => (row: { localAddress: string; localPort: number }) => {
      return { transport, address: row.localAddress, port: row.localPort }
    }
  return [...tcp.map(listed('TCP')), ...udp.map(listed('UDP'))]
}

/** More than this is work: starting Node takes a fifth of it. */
const MUCH_MS = 500

/** A program that has opened nothing yet, and works: a compiler, mostly. */
function busyInstead(group: number | undefined): { what: string; likelyCause: string } | undefined {
  const [busiest] = processesOf(group).sort((a, b) => b.computedMs - a.computedMs)
  if (busiest === undefined || busiest.computedMs < MUCH_MS) return undefined
  const seconds = (busiest.computedMs / 1000).toFixed(1)
  return {
    what: `it has opened no socket yet; ${busiest.name} has computed for ${seconds} s`,
    likelyCause:
      'it is still being compiled or started: compile it first, ' +
      'or give it longer with --start-timeout 60',
  }
}
