/**
 * Graceful shutdown over TCP, with a goodbye: `bye N` says that N requests were taken.
 *
 *   npm run 06:graceful-tcp:server     in one terminal; Ctrl-C starts the shutdown
 *   npm run 06:graceful-tcp:client     in another
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:graceful-tcp:server'
const options = readOptions({
  command,
  does: 'Answers "work MS" after MS milliseconds. SIGTERM or SIGINT starts a graceful shutdown.',
  flags: {
    host,
    port: port(7067),
    'deadline-ms': { default: 5000, max: 600_000, help: 'how long running work may take' },
    'stop-after': { default: 0, help: 'SIGTERM to myself after N requests; 0: never' },
  },
})

// #region server
interface Conversation {
  peer: string
  taken: number
  answered: number
  /** Says goodbye and sends our FIN, unless an answer is still owed. */
  leave: () => Promise<void>
}
const open = new Map<Socket, Conversation>()
let stopping = false
let requests = 0

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const { frames, send, end } = framed(socket, lines({ maxLineBytes: 100 }))
  const conversation: Conversation = { peer, taken: 0, answered: 0, leave }
  open.set(socket, conversation)
  socket.on('close', () => {
    open.delete(socket)
    console.log(`closed ${peer} ${conversation.answered} of ${conversation.taken} answered`)
  })

  // #region leave
  async function leave(): Promise<void> {
    if (conversation.answered < conversation.taken) return // the loop below comes here again
    if (stopping && !socket.writableEnded) await send(`bye ${conversation.taken}`)
    await end()
  }
  // #endregion leave

  try {
    // One request at a time: TCP's flow control holds back who asks faster (chapter 02).
    for await (const line of frames) {
      if (stopping) continue // not taken: `bye` tells the client so, and it can ask elsewhere
      conversation.taken++
      const ms = Math.min(60_000, Number(/^work (\d+)$/.exec(line)?.[1] ?? 0))
      if (++requests === options['stop-after']) process.kill(process.pid, 'SIGTERM')
      await delay(ms, undefined, { ref: false })
      await send(`done ${ms}`)
      conversation.answered++
      if (stopping) await leave()
    }
    await leave()
  } catch (error) {
    const { code } = error as SocketError
    // PREMATURE_CLOSE: we have cut it ourselves, below.
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE') console.error(`error ${peer} ${code}`)
    socket.destroy()
  }
})

function shutDown(): void {
  if (stopping) return
  stopping = true
  console.log(`stopping ${plural(open.size, 'connection')}, deadline ${options['deadline-ms']} ms`)
  // close() waits for every connection to be closed on both sides: by us, and by the client.
  server.close(() => clearTimeout(deadline))
  // What goes wrong with one of them, its own loop tells.
  for (const { leave } of open.values()) leave().catch(() => {})
  const deadline = setTimeout(() => {
    for (const [socket, { peer, taken, answered }] of open) {
      const why =
        answered < taken ? `${plural(taken - answered, 'answer')} missing` : 'the peer stays open'
      console.log(`cut ${peer} ${why}`)
      socket.destroy()
    }
  }, options['deadline-ms'])
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, shutDown)
// No process.exit(): the process ends when nothing is left, so that nothing is cut by accident.
process.once('beforeExit', () => console.log('stopped'))
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})
