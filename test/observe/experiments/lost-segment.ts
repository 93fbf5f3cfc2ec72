/** A client and a server on two hosts; the router between them loses the client's first data segment. */
import { recordLab } from '#lib/observe/record-lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

const PORT = 7020
/** A rule that matches one packet: the first one with data for the server. */
const FIRST_DATA = `tcp dport ${PORT} tcp flags & psh == psh limit rate 1/day burst 1 packets`

export default experiment({
  title: 'a segment is lost between two hosts',
  needs: ['namespace', 'nft', 'private tcpdump'],
  claims: [],
  async run(lab) {
    const network = await lab.routedNetwork()
    const drop = await lab.drop(FIRST_DATA, network.inside.router, 'forward')
    const recording = await recordLab(lab, {
      name: 'lab/lost-segment',
      hosts: [
        { name: 'a', end: 'client', address: network.a, interface: network.interface },
        {
          name: 'b',
          end: 'server',
          address: network.b,
          interface: 'to-r-b',
          inside: network.inside.b,
        },
      ],
      filter: `tcp port ${PORT}`,
      marker: network.b,
    })
    const server = recording.start(
      'server',
      async (channel, { host, port }) => {
        const { createServer } = await import('node:net')
        const listener = createServer(socket => {
          socket.on('data', data => socket.end(data))
          socket.on('close', () => channel.send('closed'))
        })
        listener.listen(port, host, () => channel.send('listening'))
      },
      { host: network.b, port: PORT },
    )
    await server.message('listening')
    const client = recording.start(
      'client',
      async (channel, { host, port }) => {
        const { connect } = await import('node:net')
        const socket = connect(port, host, () => socket.write('hello'))
        socket.on('data', data => channel.send('answer', data.toString()))
        socket.on('close', () => channel.send('closed'))
      },
      { host: network.b, port: PORT },
    )
    const { value: answer } = await client.message('answer')
    await Promise.all([client.message('closed'), server.message('closed')])
    return { answer, dropped: await drop.count(), recording: await recording.stop() }
  },
})
