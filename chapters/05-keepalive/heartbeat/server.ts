/**
 * Heartbeat: both ends ping each other, and hang up on a peer that is silent for too long.
 *
 *   npm run 05:heartbeat:server     in one terminal
 *   npm run 05:heartbeat:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { checkTimes, watchOver } from './heartbeat.ts'

const command = 'npm run 05:heartbeat:server'
const options = readOptions({
  command,
  does: 'Answers "work MS" after MS milliseconds, and hangs up on clients that are silent.',
  flags: {
    host,
    port: port(7051),
    'interval-ms': { default: 100, min: 10, max: 60_000, help: 'time between two pings' },
    'timeout-ms': { default: 600, min: 20, max: 600_000, help: 'so long a peer may be silent' },
  },
  check: checkTimes,
})

// #region server
const codec = lengthPrefix({ prefixBytes: 2, maxFrameBytes: 1024 })
const times = { intervalMs: options['interval-ms'], timeoutMs: options['timeout-ms'] }

const MOST_WORK = 100

const server = createServer(async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  const { frames, send } = framed(socket, codec)
  let working = 0
  // A peer that goes while we send to it shows as the end of its frames.
  const say = (text: string) => send(Buffer.from(text)).catch(() => {})

  watchOver(socket, times, {
    ping: () => say('ping'),
    silence(ms) {
      console.log(`silent ${peer} ${Math.round(ms)} ms`)
      socket.destroy()
    },
  })
  socket.on('close', () => console.log(`closed ${peer}`))
  try {
    for await (const frame of frames) {
      const text = frame.toString()
      const [, verb, ms] = /^(work|block) (\d{1,4})$/.exec(text) ?? []
      if (text === 'ping') await say('pong')
      // Work that takes long does not keep us from answering pings …
      if (verb === 'work') {
        if (++working > MOST_WORK) throw new Error('too much work')
        setTimeout(() => say(`done ${ms}`).finally(() => working--), Number(ms)).unref()
      }
      // … unless it blocks the event loop, and with it all clients.
      if (verb === 'block') {
        console.log(`blocks ${peer} ${ms} ms`)
        Atomics.wait(NEVER, 0, 0, Number(ms))
      }
    }
  } catch (error) {
    const { code, message } = error as SocketError
    if (!socket.destroyed) console.error(`error ${peer} ${code ?? message}`)
    socket.destroy()
  }
})

const NEVER = new Int32Array(new SharedArrayBuffer(4))
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
