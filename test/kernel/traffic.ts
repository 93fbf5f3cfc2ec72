/**
 * Makes traffic of many kinds in the network that this process is in, and captures it: on loopback
 * as Ethernet, and on all interfaces as Linux cooked. Started in a private network by the tests.
 *
 * usage: node traffic.ts FOLDER
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { dropPackets } from '#lib/lab/packet-drop.ts'

const [folder = '.'] = process.argv.slice(2)
const HOSTS = ['127.0.0.1', '::1']
const BULK = Buffer.alloc(300_000, 'data ')

/** Settles when tcpdump has opened the interface. */
async function capture(file: string, words: readonly string[]): Promise<ChildProcess> {
  const args = ['-w', join(folder, file), '-U', '--immediate-mode', '--time-stamp-precision=nano']
  const child = spawn('tcpdump', [...args, '-Z', 'root', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines = createInterface({ input: child.stderr })
  for await (const line of lines) if (line.includes('listening on')) return child
  throw new Error(`no capture for ${file}`)
}

async function listen(host: string): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }, socket =>
    socket.on('error', () => {}).pipe(socket),
  )
  await once(server.listen(0, host), 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** Everything there and back, and a half-close. */
async function exchange(host: string, port: number, bytes: Buffer): Promise<void> {
  const socket = connect({ port, host })
  socket.end(bytes)
  await once(socket.resume(), 'close')
  if (socket.bytesRead !== bytes.length) throw new Error(`${socket.bytesRead} bytes came back`)
}

/** Waits until keepalive has asked an idle peer: the kernel counts what arrives. */
async function keepAlive(host: string, port: number): Promise<void> {
  const socket = connect({ port, host, keepAlive: true, keepAliveInitialDelay: 1000 })
  await once(socket, 'connect')
  const statistics = () =>
    execFileSync('ss', ['-tin', 'dport', '=', `:${port}`], { encoding: 'utf8' })
  const segments = () => Number(/segs_out:(\d+)/.exec(statistics())?.[1])
  const before = segments()
  while (segments() === before) await new Promise(again => setTimeout(again, 50))
  socket.resetAndDestroy()
  await once(socket, 'close')
}

/** Small, fragmented, and to a port where nothing listens. */
async function datagrams(host: string): Promise<void> {
  const type = host.includes(':') ? 'udp6' : 'udp4'
  const receiver = createSocket(type)
  receiver.bind(0, host)
  await once(receiver, 'listening')
  const { port } = receiver.address()
  const sender = createSocket(type)
  for (const bytes of [0, 1, 5, 4000]) {
    const got = once(receiver, 'message')
    sender.send(Buffer.alloc(bytes, 'x'), port, host)
    await got
  }
  receiver.close()
  await once(receiver, 'close')
  await new Promise(done => sender.connect(port, host, () => done(undefined)))
  const refused = once(sender, 'error')
  sender.send('nobody there')
  await refused
  sender.close()
}

/** Python knows the option and the flag that Node does not. */
const FAST_OPEN = `
import socket
s = socket.socket(); s.setsockopt(6, 23, 5); s.bind(('127.0.0.1', 0)); s.listen()
for word in (b'cookie, please', b'early data'):
    c = socket.socket(); c.sendto(word, 0x20000000, s.getsockname())
    p, _ = s.accept(); p.recv(100); p.close(); c.recv(1); c.close()`

const setting = (name: string, value: number) =>
  writeFileSync(`/proc/sys/net/ipv4/${name}`, String(value))

execFileSync('ip', ['link', 'set', 'lo', 'up', 'mtu', '1500'])
setting('tcp_ecn', 1)
setting('tcp_fastopen', 3)
const captures = [
  await capture('loopback.pcap', ['-i', 'lo']),
  await capture('cooked.pcap', ['-i', 'any', '-y', 'LINUX_SLL']),
  await capture('cooked-v2.pcap', ['-i', 'any', '-y', 'LINUX_SLL2']),
  await capture('cut.pcap', ['-i', 'lo', '-s', '118']),
]
for (const host of HOSTS) {
  const { server, port } = await listen(host)
  await exchange(host, port, Buffer.from('hello'))
  await exchange(host, port, BULK)
  const loss = `tcp dport ${port} tcp flags & (syn|fin) == 0 numgen inc mod 4 == 2`
  const drop = await dropPackets(loss)
  await exchange(host, port, BULK)
  await drop.lift()
  await keepAlive(host, port)
  server.close()
  const refused = connect({ port, host })
  await once(refused, 'error')
  await datagrams(host)
}
execFileSync('python3', ['-c', FAST_OPEN])
for (const child of captures) {
  child.kill('SIGINT')
  await once(child, 'close')
}
