/** Sends 100000 bytes from A through R to B, over real segments. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

export default experiment({
  title: 'three hosts in a row',
  needs: ['namespace', 'tcpdump', 'ss'],
  claims: [],
  async run(lab) {
    const net = await lab.routedNetwork()
    const server = lab.start(
      async (channel, { host }: { host: string }) => {
        const { createServer } = await import('node:net')
        const listener = createServer(socket => {
          let bytes = 0
          socket.on('data', chunk => {
            bytes += chunk.length
          })
          socket.on('end', () => channel.send('end', { bytes, from: socket.remoteAddress }))
        })
        listener.listen(7000, host, () => channel.send('listening'))
      },
      { host: net.b },
      net.inside.b,
    )
    await server.message('listening')
    const capture = await lab.capture('tcp port 7000', { interface: net.interface, marker: net.b })
    await net.limitRate('20mbit', 100_000)
    await net.route('initcwnd 3')
    const syns = 'tcp dport 7000 tcp flags & syn == syn'
    const drop = await lab.drop(syns, net.inside.router, 'forward')
    const client = connect({ port: 7000, host: net.b })
    const dropped = await lab.waitUntil(
      'the router drops it',
      async () => (await drop.count()) || false,
    )
    await drop.lift()
    await once(client, 'connect')
    const [before] = await lab.statistics(['dport', '=', ':7000'])
    client.end(Buffer.alloc(100_000))
    const end = (await server.message('end')).value
    const packets = await capture.stop()
    return {
      dropped,
      cwnd: before?.info.cwnd,
      end,
      longest: Math.max(...packets.map(({ len }) => len)),
    }
  },
})
