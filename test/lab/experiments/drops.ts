/** Loses chosen segments on a private loopback, counts them, and lets them pass again. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { counterChanges } from '#lib/kernel/counters.ts'
import { experiment } from '#lib/textbook/experiment.ts'

export default experiment({
  title: 'drop SYNs',
  needs: ['namespace', 'nft', 'tcpdump', 'ss'],
  claims: [],
  async run(lab) {
    const before = lab.counters()
    const wrong = await lab.drop('nonsense').catch((error: Error) => error.message)
    const server = createServer(socket => socket.resume()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const capture = await lab.capture(`tcp port ${port}`)
    const drop = await lab.drop(`tcp dport ${port} tcp flags & (syn | ack) == syn`)
    const client = connect({ port, host: '127.0.0.1' })
    const dropped = await lab.waitUntil(
      'the SYN is dropped',
      async () => (await drop.count()) || false,
    )
    const states = lab.tcpTable(port).map(({ state }) => state)
    await drop.lift()
    await once(client, 'connect')
    const [statistics] = await lab.statistics(['sport', '=', `:${client.localPort}`])
    client.destroy()
    server.close()
    const packets = await capture.stop()
    const out = await lab.drop(`udp dport ${port}`, [], 'output')
    const socket = createSocket('udp4')
    const send = () =>
      new Promise(resolve =>
        socket.send('?', port, '127.0.0.1', error =>
          resolve((error as NodeJS.ErrnoException | null)?.code ?? 'ok'),
        ),
      )
    const refused = await send()
    await out.lift()
    const sends = [refused, await send()]
    socket.close()
    return {
      wrong,
      sends,
      dropped,
      states,
      syns: packets.filter(({ flags }) => flags === 'S').length,
      retries: [lab.sysctl('net.ipv4.tcp_syn_retries'), lab.sysctl('net.ipv4.tcp_syn_retries', 3)],
      statistics,
      grown: counterChanges(before, lab.counters()),
    }
  },
})
