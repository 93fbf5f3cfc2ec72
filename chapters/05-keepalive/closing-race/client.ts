/**
 * The closing race: uses connections again while the server closes them; two cures.
 *
 *   npm run 05:closing-race:client
 */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnknown, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { startBalancer } from './balancer.ts'

const options = readOptions({
  command: 'npm run 05:closing-race:client',
  does: 'Loses requests on connections that are just being closed, and mends that.',
  flags: {
    host,
    port: { ...port(7055), min: 1 },
    requests: { default: 10, min: 1, max: 100, help: 'how many at once, each on a connection' },
    'idle-s': { default: 1, min: 1, max: 600, help: 'when the server closes idle connections' },
    'busy-ms': { default: 600, min: 0, max: 10_000, help: 'how long we stay busy after that' },
  },
})
const { host: hostname, port: serverPort, requests } = options
const where = endpoint(hostname, serverPort)
const idleMs = options['idle-s'] * 1000
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
interface How {
  method?: string
  path?: string
  retry?: boolean
}

async function ask(agent: Agent, { method = 'GET', path = '/', retry }: How): Promise<string> {
  const asking = request({ host: hostname, port: serverPort, agent, method, path })
  asking.setTimeout(10_000, () => exitUnknown(where, serverCommand)).end()
  try {
    const [response] = await once(asking, 'response')
    await once(response.resume(), 'end')
    return asking.reusedSocket ? 'answered, reused' : 'answered, new connection'
  } catch (error) {
    const { code } = error as SocketError
    if (!asking.reusedSocket) neverWorked(error as SocketError)
    // Lost before it was read, or after? Nobody knows. Ask again only what may be done twice.
    if (retry && method === 'GET') return ask(new Agent(), { method, path })
    return `lost: ${code}`
  }
}
// #endregion client

const serverCommand = 'npm run 05:closing-race:server'

/** A new connection that fails: it was refused, or whoever took it speaks no HTTP. */
function neverWorked(error: SocketError): never {
  const taken = /^(ECONNRESET|EPIPE|HPE_.*)$/.test(error.code ?? '')
  if (taken) exitUnknown(where, serverCommand)
  exitCannotConnect(error, where, serverCommand)
}

// #region race
const cases: [name: string, how: How][] = [
  ['no cure', {}],
  ['POST', { method: 'POST', retry: true }],
  ['with a retry', { retry: true }],
  ['with a hint', { path: '/hint' }],
]
const agents = cases.map(() => new Agent({ keepAlive: true, timeout: 60_000 }))

const askAll = (as: How = {}) =>
  Promise.all(
    cases.map(([, how], at) => {
      const each = Array.from({ length: requests }, () => ask(agents[at]!, { ...how, ...as }))
      return Promise.all(each)
    }),
  )

await askAll({ method: 'GET' }) // makes the connections
await setImmediate() // the agents take their connections back
beBusy() // the server's FINs arrive meanwhile, and nobody here has read them
for (const [at, ends] of (await askAll()).entries()) {
  const counts = [...new Set(ends)].map(end => `${ends.filter(e => e === end).length} ${end}`)
  console.log(`${cases[at]![0]}: ${counts.join(', ')}`)
}
// #endregion race

/** Like a program that computes until the server has closed: nothing is read, no timer runs. */
function beBusy(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, idleMs + options['busy-ms'])
}

// #region balancer
let round = 0
const balancer = await startBalancer({ host: hostname, port: serverPort }, () => {
  if (round++ > 0) beBusy()
})
const throughBalancer = async (): Promise<number> => {
  const asking = request({ port: balancer, host: '127.0.0.1', agent: false }).end()
  const [response] = await once(asking, 'response')
  await once(response.resume(), 'end')
  return response.statusCode
}
const before = await throughBalancer()
console.log(`behind a load balancer: ${before}, then ${await throughBalancer()}`)
// #endregion balancer
process.exit(0)
