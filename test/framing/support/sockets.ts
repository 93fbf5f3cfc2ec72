import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Both ends of one TCP connection on the loopback interface, both of which may be half-open. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'connect')])
  server.close()
  for (const socket of [client, peer as Socket]) {
    socket.on('error', () => {})
    onTestFinished(() => {
      socket.destroy()
    })
  }
  return [client, peer as Socket]
}

export async function collect<Frame>(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const all: Frame[] = []
  for await (const frame of frames) all.push(frame)
  return all
}
