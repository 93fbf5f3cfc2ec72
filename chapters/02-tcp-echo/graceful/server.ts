/**
 * Graceful shutdown: on SIGTERM, stop listening, finish what was begun, and keep a deadline.
 *
 *   npm run 02:graceful:server     in one terminal; Ctrl-C starts the shutdown
 *   npm run 02:graceful:client     in another
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 02:graceful:server'
const options = readOptions({
  command,
  does: 'Answers "work MS" after MS milliseconds. SIGTERM or SIGINT starts a graceful shutdown.',
  flags: {
    host,
    port: port(7023),
    'deadline-ms': { default: 5000, max: 600_000, help: 'how long running work may take' },
    'stop-after': { default: 0, help: 'SIGTERM to myself after N requests; 0: never' },
  },
})

// #region server
/** Every open connection, with the number of its requests that are not answered yet. */
const open = new Map<Socket, number>()
let stopping = false
let requests = 0
const MAX_AT_ONCE = 1000

const server = createServer({ allowHalfOpen: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  open.set(socket, 0)
  console.log(`accepted ${peer}`)
  let line = ''
  let ended = false

  // The client has nothing to ask any more, or we take no more questions: say goodbye once the
  // last answer is written.
  const endIfIdle = () => {
    if ((ended || stopping) && open.get(socket) === 0) socket.end()
  }
  // Who asks faster than we work, or than they read our answers, is not read for a while.
  const holdBack = () => {
    const busy = (open.get(socket) ?? 0) >= MAX_AT_ONCE || socket.writableNeedDrain
    if (busy) socket.pause()
    else socket.resume()
  }
  socket.setEncoding('utf8')
  socket.on('data', text => {
    if (stopping) return // asked too late: whatever is begun now may be cut
    const lines = (line + text).split('\n') // chapter 04 does this properly
    line = (lines.pop() ?? '').slice(0, 100)
    for (const request of lines) {
      const ms = Math.min(60_000, Number(/^work (\d+)$/.exec(request)?.[1] ?? 0))
      open.set(socket, (open.get(socket) ?? 0) + 1)
      setTimeout(() => {
        if (socket.destroyed) return
        socket.write(`done ${ms}\n`)
        open.set(socket, (open.get(socket) ?? 1) - 1)
        holdBack()
        endIfIdle()
      }, ms).unref()
      if (++requests === options['stop-after']) process.kill(process.pid, 'SIGTERM')
    }
    holdBack()
  })
  socket.on('drain', holdBack)
  socket.on('end', () => {
    ended = true
    endIfIdle()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => {
    open.delete(socket)
    console.log(`closed ${peer}`)
    if (stopping) stopWaiting()
  })
})

/** Nothing but the deadline keeps the process when the last connection has gone. */
let deadline: NodeJS.Timeout | undefined
function stopWaiting(): void {
  if (open.size === 0) clearTimeout(deadline)
}

function shutDown(): void {
  if (stopping) return
  stopping = true
  console.log(`stopping ${plural(open.size, 'connection')}, deadline ${options['deadline-ms']} ms`)
  // From here on the kernel refuses new connections. The open ones go on; on its own, the last of
  // them may never go.
  server.close()
  for (const [socket, unanswered] of open) if (unanswered === 0) socket.end()
  deadline = setTimeout(() => {
    for (const [socket, unanswered] of open) {
      const peer = endpoint(socket.remoteAddress, socket.remotePort)
      console.log(`cut ${peer} ${plural(unanswered, 'answer')} missing`)
      socket.destroy()
    }
  }, options['deadline-ms'])
  stopWaiting()
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, shutDown)
process.once('beforeExit', () => console.log('stopped'))
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})
