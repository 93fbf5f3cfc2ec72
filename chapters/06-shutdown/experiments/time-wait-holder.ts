/** Short HTTP connections, closed by the server: on which side TIME-WAIT piles up. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  connections: number
  atServer: number
  atClient: number
}

const CONNECTIONS = 20

export default experiment<Observation>({
  title: `${CONNECTIONS} requests, one connection each, closed by the server`,
  needs: ['linux'],
  claims: [
    {
      id: '6.15',
      essential: true,
      statement: 'It is the client that waits in TIME-WAIT; the server finishes earlier.',
      verdict: 'depends',
      truth:
        'It is the end that closes first. A server that closes after each answer, as with Connection: close, has all of them.',
      source: 'RFC 9293 section 3.6',
      example: '06/time-wait',
      judge: ({ connections, atServer, atClient }) => {
        const observed = `${connections} connections closed by the server: ${atServer} in TIME-WAIT at its port, ${atClient} at the clients`
        if (atServer + atClient !== connections) return { verdict: 'unclear', observed }
        return { verdict: atServer > 0 ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, atServer: 0, atClient: seen.connections }),
    },
  ],

  async run(lab, observe) {
    lab.needTimeWait()
    const server = createServer((_, response) => {
      response.setHeader('Connection', 'close').end('hello\n')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (let n = 0; n < CONNECTIONS; n++) {
      const client = connect({ port, host: '127.0.0.1' }).resume()
      client.on('error', () => {})
      client.write('GET / HTTP/1.1\r\nHost: lab\r\n\r\n')
      await once(client, 'close')
    }
    const waiting = await lab.waitUntil('all have been closed', () => {
      const rows = lab.tcpTable(port).filter(({ state }) => state !== 'LISTEN')
      return rows.every(({ state }) => state === 'TIME-WAIT') && rows
    })
    const atServer = waiting.filter(({ localPort }) => localPort === port).length
    const seen = { connections: CONNECTIONS, atServer, atClient: waiting.length - atServer }
    observe(`TIME-WAIT at the server ${seen.atServer}, at the clients ${seen.atClient}`)
    server.close()
    return seen
  },
})
