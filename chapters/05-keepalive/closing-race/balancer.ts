import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * The smallest load balancer: hands each request on to one server, over connections that it keeps.
 * `before` runs before that. Returns the port.
 */
export async function startBalancer(
  to: { host: string; port: number },
  before: () => void,
): Promise<number> {
  const agent = new Agent({ keepAlive: true })
  const server = createServer((incoming, outgoing) => {
    before()
    const { method, url } = incoming
    // `Connection` is about the connection it came on, not about the next: RFC 9110 section 7.6.1.
    const { connection: _, ...headers } = incoming.headers
    const onward = request({ ...to, agent, method, path: url, headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 500)
      answer.pipe(outgoing)
    })
    // What else can it say? The client must not know of our connections.
    onward.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
