/**
 * One thread, many sockets: an echo server whose event loop waits for all of them at once, and that can
 * give two of them to a child that waits for one after the other, or asks both again and again.
 *
 *   npm run 02:one-thread:server     in one terminal
 *   npm run 02:one-thread:client     in another
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 02:one-thread:server'
const options = readOptions({
  command,
  does: 'Echoes; or gives two connections to a child that reads them without an event loop.',
  flags: { host, port: port(7027) },
})
/** A child that asks again and again takes a whole processor: there is an end to it. */
const LIMIT_MS = 20_000
const MAX_CHILDREN = 4

// #region child
/** Reads the descriptors in its arguments in turn, and echoes what it gets, with a count. */
const CHILD = `
const { readSync, writeSync } = require('node:fs')
const open = process.argv.slice(1).map(Number)
const piece = Buffer.alloc(1024)
let inVain = 0
for (const fd of open) writeSync(fd, 'ready')
while (open.length > 0) {
  for (const fd of [...open]) {
    try {
      const length = readSync(fd, piece) // on a socket that blocks, the thread waits here
      if (length === 0) open.splice(open.indexOf(fd), 1)
      else {
        const cost = inVain > 0 ? 'asked ' + inVain + ' times in vain: ' : ''
        writeSync(fd, cost + piece.toString('utf8', 0, length))
      }
    } catch (error) {
      if (error.code !== 'EAGAIN') process.exit()
      inVain++ // nothing there yet: the next one, and then this one again
    }
  }
}`
// #endregion child

// #region server
/** What waits for a second connection that asks for the same way. */
const waiting = new Map<string, Socket>()
const children = new Set<ChildProcess>()

// The event loop has one thread. It sleeps in epoll_wait(2) until any of its sockets has something.
const server = createServer({ allowHalfOpen: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  socket.on('data', chunk => {
    const way = chunk.toString() // takes a chunk for a message: chapter 04
    if (way === 'blocking' || way === 'polling') pair(socket, way)
    else if (!socket.write(chunk)) socket.pause()
  })
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  socket.on('error', ({ code }: SocketError) => console.error(`error ${peer} ${code}`))
})

function pair(socket: Socket, way: 'blocking' | 'polling'): void {
  socket.pause() // what comes now is for the child
  const first = waiting.get(way)
  if (!first) {
    waiting.set(way, socket)
    return
  }
  waiting.delete(way)
  if (children.size < MAX_CHILDREN) give([first, socket], way)
  for (const one of [first, socket]) one.destroy() // a child still has it: chapter 06
}

// libuv makes descriptors 0 to 2 of a child block. Those above stay as Node made them: non-blocking.
function give([first, second]: [Socket, Socket], way: 'blocking' | 'polling'): void {
  const child = spawn(
    process.execPath,
    ['-e', CHILD, ...(way === 'blocking' ? ['0', '1'] : ['3', '4'])],
    {
      stdio:
        way === 'blocking'
          ? [first, second, 'ignore']
          : ['ignore', 'ignore', 'ignore', first, second],
    },
  )
  children.add(child)
  const limit = setTimeout(() => child.kill(), LIMIT_MS)
  child.on('error', ({ message }) => console.error(`error ${message}`))
  child.on('close', () => {
    clearTimeout(limit)
    children.delete(child)
  })
  console.log(`gave 2 connections to a child: ${way}`)
}
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
