/**
 * HTTP keep-alive: which connections stay open, what that saves, and how long they stay.
 *
 *   npm run 05:http-keepalive:client
 */
import { once } from 'node:events'
import { Agent, type ClientRequest, get } from 'node:http'
import type { Http1RequestInit } from '#lib/framing/http1.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { openConnection } from './connection.ts'

const options = readOptions({
  command: 'npm run 05:http-keepalive:client',
  does: 'Compares connections that are kept with connections that are not.',
  flags: {
    host,
    port: { ...port(7053), min: 1 },
    requests: { default: 300, min: 1, max: 10_000, help: 'how many, for the comparison' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 05:http-keepalive:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

const open = (port = options.port) =>
  openConnection(options.host, port).catch(error => exitCannotConnect(error, where, serverCommand))
const hello = { method: 'GET', target: '/', headers: { Host: where } }

const limit = setTimeout(() => exitUnknown(where, serverCommand), 10_000)
const first = await (await open()).ask(hello)
const nodePort = Number(/(\d+)\n$/.exec(first?.body.toString() ?? '')?.[1])
if (Number.isNaN(nodePort)) exitUnknown(where, serverCommand)
clearTimeout(limit)

// #region rules
const cases: [name: string, request: Http1RequestInit][] = [
  ['HTTP/1.0', { ...hello, version: '1.0' }],
  ['HTTP/1.0 and keep-alive', saying('keep-alive', '1.0')],
  ['HTTP/1.1', hello],
  ['HTTP/1.1 and close', saying('close')],
]
for (const [name, request] of cases) {
  const ends = []
  for (const port of [options.port, nodePort]) {
    const connection = await open(port)
    await connection.ask(request)
    // Does anybody answer a second time?
    ends.push((await connection.ask(request)) ? 'kept' : 'closed')
    connection.close()
  }
  console.log(`${name}: ${ends[0]}; by node:http: ${ends[1]}`)
}
// #endregion rules

function saying(word: string, version: '1.0' | '1.1' = '1.1'): Http1RequestInit {
  return { ...hello, version, headers: { ...hello.headers, Connection: word } }
}

// #region cost
const timed = async (job: () => Promise<unknown>): Promise<number> => {
  const startMs = performance.now()
  await job()
  return performance.now() - startMs
}
const onOne = async (count: number) => {
  const connection = await open()
  for (let n = 0; n < count; n++) await connection.ask(hello)
}
const onMany = async (count: number) => {
  for (let n = 0; n < count; n++) await (await open()).ask(saying('close'))
}
await onOne(50) // a fresh program is slow
await onMany(50)
const kept = await timed(() => onOne(options.requests))
const short = await timed(() => onMany(options.requests))
const { requests } = options
const ratio = (short / kept).toFixed(1)
console.log(`${requests} requests, connections: 1: ${kept.toFixed(0)} ms`)
console.log(
  `${requests} requests, connections: ${requests}: ${short.toFixed(0)} ms, ${ratio} times`,
)
// #endregion cost

// #region agent
for (const [name, agent] of [
  ['an Agent that keeps', new Agent({ keepAlive: true })],
  ['one that does not', new Agent({ keepAlive: false })],
] as const) {
  const ports = new Set<number | undefined>()
  for (let n = 0; n < 5; n++) {
    const request = get({ host: options.host, port: options.port, agent })
    ports.add(await answered(request))
  }
  console.log(`${name}: 5 requests, connections: ${ports.size}`)
  agent.destroy()
}

async function answered(request: ClientRequest): Promise<number | undefined> {
  const [response] = await once(request, 'response').catch(error => exitLost(error, where))
  const { localPort } = response.socket
  await once(response.resume(), 'end')
  return localPort
}
// #endregion agent

// #region idle
for (const [name, port] of [
  ['ours', options.port],
  ['node:http', nodePort],
] as const) {
  const connection = await open(port)
  await connection.ask(hello)
  const ms = await timed(() => connection.closed)
  console.log(`idle: ${name} closes after ${ms.toFixed(0)} ms`)
}
// #endregion idle
