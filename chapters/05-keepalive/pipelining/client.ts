/**
 * Pipelining: three requests on one connection without waiting, then one on its own connection.
 *
 *   npm run 05:pipelining:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { FrameError } from '#lib/framing/frame.ts'
import { type Http1Response, http1Request, http1Response } from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitTooEarly,
  exitUnknown,
  exitWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 05:pipelining:client',
  does: 'Shows when requests are handled, and when their answers come.',
  flags: {
    host,
    port: { ...port(7054), min: 1 },
    'third-ms': { default: 100, min: 0, max: 60_000, help: 'when to send the third request' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 05:pipelining:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const request = (target: string): Uint8Array =>
  http1Request().encode({ method: 'GET', target, headers: { Host: where } })

const shared = await open()
const startMs = performance.now()
shared.write(Buffer.concat([request('/slow'), request('/fast')]))

const answers = report(shared, ['/slow', '/fast', '/third'])
await setTimeout(options['third-ms'])
shared.write(request('/third')) // nothing has been answered yet, and nothing forbids to ask
await answers

const own = await open()
own.write(request('/fast'))
await report(own, ['/fast on its own connection'], performance.now())

async function report(socket: Socket, names: string[], fromMs = startMs): Promise<void> {
  try {
    for await (const { body } of readFrames<Http1Response>(socket, http1Response())) {
      const ms = Math.round(performance.now() - fromMs)
      console.log(`${names.shift()}: handled at ${body.toString()} ms, answered at ${ms} ms`)
      if (names.length === 0) break
    }
  } catch (error) {
    if (error instanceof FrameError) exitUnknown(where, serverCommand)
    exitLost(error as Error, where)
  }
  if (names.length > 0) exitTooEarly(where, serverCommand)
  socket.destroy()
}
// #endregion client

async function open(): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  return exitWhenSilent(socket, where, serverCommand)
}
