/** What one server and its clients look like from the kernel: sockets, descriptors, ports. */
import { once } from 'node:events'
import { openSync, readlinkSync, readSync, writeSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** With one client: the states of all sockets of that port, and how many are different. */
  states: string[]
  inodes: number
  /** Descriptors, and what the file system says they are. */
  fds: { listening: number; accepted: number; client: number }
  link: string
  listeningInode: number
  /** What the calls for files say: to open a socket by its path, to read at a position, to read. */
  file: { open: string; openUnix: string; position: string; wrote: number; read: number }
  /** What the listening socket says to read and write. */
  listener: { read: string; write: string }
  /** With many clients: how many of each port. */
  clients: number
  serverPorts: number
  clientPorts: number
  clientPortRange: { least: number; most: number; allowed: string }
}

const MANY = 200

/** The descriptor of a socket or server. Node keeps it to itself: for curious people only. */
const fdOf = (socket: unknown): number => (socket as { _handle: { fd: number } })._handle.fd

/** What a call says: `ok`, or the code of its error. */
function outcomeOf(call: () => unknown): string {
  try {
    call()
    return 'ok'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? ''
  }
}

/** What the calls for files do with a connected socket. */
async function callsForFiles(
  lab: Lab,
  port: number,
  fds: Observation['fds'],
): Promise<Observation['file']> {
  const wrote = writeSync(fds.client, 'hello')
  await lab.waitUntil('the bytes have arrived', () =>
    lab.tcpTable(port).some(row => row.localPort === port && row.rxQueue === wrote),
  )
  const bytes = Buffer.alloc(9)
  const read = readSync(fds.accepted, bytes)
  const unixPath = join(tmpdir(), `socket-kit-${process.pid}.sock`)
  const unix = createServer().listen(unixPath)
  await once(unix, 'listening')
  const open = outcomeOf(() => openSync(`/proc/self/fd/${fds.client}`, 'r+'))
  const openUnix = outcomeOf(() => openSync(unixPath, 'r+'))
  const position = outcomeOf(() => readSync(fds.accepted, bytes, 0, 1, 0))
  unix.close()
  return { open, openUnix, position, wrote, read }
}

export default experiment<Observation>({
  title: `one client, then ${MANY}, all in one process`,
  needs: ['linux'],
  claims: [
    {
      id: '1.1',
      essential: true,
      statement: 'A socket is a file: a small integer that one can open, read, write and close.',
      verdict: 'depends',
      truth:
        'A socket has a descriptor, as a file has, and read, write and close work on it. But it cannot be opened, not even a Unix socket that has a path, and it has no position to seek to: bytes come in order, once.',
      source: 'socket(7), unix(7), open(2), lseek(2)',
      example: '01/three-sockets',
      judge: ({ fds, link, listeningInode, file }) => {
        const { open, openUnix, position, wrote, read } = file
        const observed = `descriptor ${fds.listening} is ${link}, in the table of sockets ${listeningInode}; wrote ${wrote} bytes, read ${read}; open: ${open}, by the path of a Unix socket: ${openUnix}; read at a position: ${position}`
        const isDescriptor = link === `socket:[${listeningInode}]` && wrote > 0 && read === wrote
        if (!isDescriptor) return { verdict: 'wrong', observed }
        const like = [open, openUnix, position].every(outcome => outcome === 'ok')
        return { verdict: like ? 'holds' : 'depends', observed }
      },
      counterexample: seen => ({
        ...seen,
        file: { ...seen.file, open: 'ok', openUnix: 'ok', position: 'ok' },
      }),
    },
    {
      id: '1.2',
      essential: true,
      statement: 'When one client talks to one server, three sockets are involved.',
      verdict: 'holds',
      truth: 'One that listens, and one at each end of the connection.',
      source: 'accept(2)',
      example: '01/three-sockets',
      judge: ({ states, inodes }) => ({
        verdict: states.length === 3 && inodes === 3 ? 'holds' : 'wrong',
        observed: `${inodes} sockets: ${states.join(', ')}`,
      }),
      counterexample: seen => ({ ...seen, states: seen.states.slice(1), inodes: 2 }),
    },
    {
      id: '1.3',
      essential: true,
      statement:
        'accept returns a new descriptor; the listening one stays as it is and carries no data.',
      verdict: 'holds',
      truth:
        'The listening socket only hands out connections. Each of them has its own descriptor, and the listening one can be neither read nor written.',
      source: 'accept(2), send(2), recv(2)',
      example: '01/three-sockets',
      judge: ({ fds, states, listener }) => {
        const observed = `descriptor ${fds.listening} listens, ${fds.accepted} was accepted, ${fds.client} is the client's; on the one that listens, read: ${listener.read}, write: ${listener.write}`
        const isNew = fds.accepted !== fds.listening && states.includes('LISTEN')
        const carries = listener.read === 'ok' || listener.write === 'ok'
        return { verdict: isNew && !carries ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, listener: { read: 'ok', write: 'ok' } }),
    },
    {
      id: '1.4',
      essential: true,
      statement: 'An accepted socket has the same port as the listening one.',
      verdict: 'holds',
      truth:
        'A connection is named by both of its ends. So a server needs one port only, for as many clients as it likes.',
      source: 'RFC 9293 section 3.4.1',
      example: '01/three-sockets',
      judge: ({ clients, serverPorts, clientPorts }) => ({
        verdict: serverPorts === 1 ? 'holds' : 'wrong',
        observed: `${clients} clients: ${serverPorts} port at the server's end, ${clientPorts} at the clients'`,
      }),
      counterexample: seen => ({ ...seen, serverPorts: seen.clients }),
    },
    {
      id: '1.6',
      essential: true,
      statement: 'A client need not bind: the kernel picks a port for it when it connects.',
      verdict: 'holds',
      truth: 'It takes a free one of the ephemeral range, which is a kernel parameter.',
      source: 'connect(2); ip(7), ip_local_port_range',
      example: '01/addresses',
      judge: ({ clientPorts, clients, clientPortRange: { least, most, allowed } }) => {
        const [from = 0, to = 0] = allowed.split(/\s+/).map(Number)
        const inRange = least >= from && most <= to
        return {
          verdict: clientPorts === clients && inRange ? 'holds' : 'wrong',
          observed: `${clientPorts} ports for ${clients} clients, all between ${least} and ${most}; allowed ${allowed}`,
        }
      },
      counterexample: seen => ({
        ...seen,
        clientPortRange: { ...seen.clientPortRange, most: 65_535 },
      }),
    },
  ],

  async run(lab, observe) {
    // Node reads nothing by itself: the bytes are for the calls below.
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const sockets: Socket[] = []
    const meet = async () => {
      const accepting = once(server, 'connection')
      const client = connect({ port, host: '127.0.0.1' })
      const [accepted] = (await accepting) as [Socket]
      if (client.connecting) await once(client, 'connect')
      for (const socket of [client, accepted]) socket.on('error', () => {})
      sockets.push(client, accepted)
      return { client, accepted }
    }

    const { client, accepted } = await meet()
    const rows = lab.tcpTable(port)
    const fds = { listening: fdOf(server), accepted: fdOf(accepted), client: fdOf(client) }
    const link = readlinkSync(`/proc/self/fd/${fds.listening}`)
    const listeningInode = rows.find(({ state }) => state === 'LISTEN')?.inode ?? 0
    const states = rows.map(({ state }) => state).sort()
    observe(`one client: ${states.join(', ')}; descriptors ${Object.values(fds).join(', ')}`)

    const file = await callsForFiles(lab, port, fds)
    const { open, openUnix, position, wrote, read } = file
    observe(`wrote ${wrote} bytes, read ${read}; open ${open} and ${openUnix}, pread ${position}`)
    const listener = {
      read: outcomeOf(() => readSync(fds.listening, Buffer.alloc(9))),
      write: outcomeOf(() => writeSync(fds.listening, 'x')),
    }
    observe(`the listening socket: read ${listener.read}, write ${listener.write}`)

    while (sockets.length < 2 * MANY) await meet()
    const clients = sockets.filter((_, at) => at % 2 === 0)
    const ports = clients.map(({ localPort }) => localPort!)
    const serverPorts = new Set(sockets.filter((_, at) => at % 2).map(s => s.localPort)).size
    observe(
      `${MANY} clients: ${serverPorts} port at the server, ${new Set(ports).size} at the clients`,
    )
    for (const socket of sockets) socket.destroy()
    server.close()
    return {
      states,
      inodes: new Set(rows.map(({ inode }) => inode)).size,
      fds,
      link,
      listeningInode,
      file,
      listener,
      clients: MANY,
      serverPorts,
      clientPorts: new Set(ports).size,
      clientPortRange: {
        least: Math.min(...ports),
        most: Math.max(...ports),
        allowed: lab.sysctl('net.ipv4.ip_local_port_range'),
      },
    }
  },
})
