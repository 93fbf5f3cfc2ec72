/**
 * The closing race: reuses connections at the moment at which the server closes them; three cures.
 *
 *   npm run 05:closing-race:client
 */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { endpoint } from '../../../lib/program/endpoint.ts'
import { exitCannotConnect, type SocketError } from '../../../lib/program/failures.ts'
import { host, port, readOptions } from '../../../lib/program/options.ts'
import { startBalancer } from './balancer.ts'

const options = readOptions({
  command: 'npm run 05:closing-race:client',
  does: 'Loses requests on connections that are just being closed, and mends that.',
  flags: {
    host,
    port: { ...port(7055), min: 1 },
    requests: { default: 10, min: 1, max: 100, help: 'how many at once, each on a connection' },
    'idle-s': { default: 1, min: 1, max: 600, help: 'when the server closes idle connections' },
    'busy-ms': { default: 500, min: 0, max: 10_000, help: 'how long we are busy around then' },
  },
})
const { host: hostname, port: serverPort, requests } = options
const where = endpoint(hostname, serverPort)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))

// #region client
interface How {
  method?: string
  path?: string
  retry?: boolean
}

async function ask(agent: Agent, { method = 'GET', path = '/', retry }: How): Promise<string> {
  const asking = request({ host: hostname, port: serverPort, agent, method, path })
  asking.end()
  try {
    const [response] = await once(asking, 'response')
    await once(response.resume(), 'end')
    return asking.reusedSocket ? 'answered, reused' : 'answered, new connection'
  } catch (error) {
    const { code } = error as SocketError
    if (!asking.reusedSocket) exitCannotConnect(error as Error, where, serverCommand)
    // Lost before it was read, or after? Nobody knows. Ask again only what may be done twice.
    if (retry && method === 'GET') return ask(new Agent(), { method, path })
    return `lost: ${code}`
  }
}
// #endregion client

const serverCommand = 'npm run 05:closing-race:server'

// #region race
/** Uses connections, leaves them alone until the server is closing them, and uses them again. */
async function race(name: string, how: How): Promise<void> {
  const agent = new Agent({ keepAlive: true, timeout: 60_000 })
  const askAll = (how: How) => Promise.all(Array.from({ length: requests }, () => ask(agent, how)))
  await askAll({ ...how, method: 'GET' })
  await setTimeout(options['idle-s'] * 1000 - 100)
  beBusy() // the server's FIN arrives meanwhile, and nobody here has read it
  const ends = await askAll(how)
  const counts = [...new Set(ends)].map(end => `${ends.filter(e => e === end).length} ${end}`)
  console.log(`${name}: ${counts.join(', ')}`)
  agent.destroy()
}

await race('no cure', {})
await race('POST', { method: 'POST', retry: true })
await race('with a retry', { retry: true })
await race('with a hint', { path: '/hint' })
// #endregion race

function beBusy(): void {
  const end = performance.now() + options['busy-ms']
  while (performance.now() < end);
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
await setTimeout(options['idle-s'] * 1000 - 100)
console.log(`behind a load balancer: ${before}, then ${await throughBalancer()}`)
// #endregion balancer
process.exit(0)
