import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { type ReservedPort, reservePort } from '#lib/workshop/reserve-port.ts'

test('reservePort gives no port twice while it is held, and frees it for a server', async () => {
  const reserved: ReservedPort[] = []
  for (let n = 0; n < 1000; n++) reserved.push(await reservePort(n % 2 ? 'udp' : 'server'))
  expect(new Set(reserved.map(({ port }) => port)).size).toBe(reserved.length)

  const { port } = reserved[0]!
  const server = createServer(socket => socket.end('here'))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const [data] = await once(connect(port, '127.0.0.1'), 'data')
  expect(String(data)).toBe('here')
  server.close()
  for (const one of reserved) one.release()
})
