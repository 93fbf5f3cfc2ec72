import type { Chapter } from '../../lib/catalogue/types.ts'

export default {
  id: '03',
  title: 'UDP',
  promise: 'Send datagrams, know what becomes of them, and know what UDP will never tell you.',
  examples: [
    {
      name: 'echo',
      shows: 'One socket, no connection: every datagram carries its sender, and goes back there.',
      transport: 'udp',
      recorded: true,
      server: { file: 'echo/server.ts' },
      client: { file: 'echo/client.ts', args: ['--message', 'hello'] },
    },
    {
      name: 'boundaries',
      shows: 'Five sends are five messages, an empty one among them.',
      transport: 'udp',
      server: { file: 'boundaries/server.ts' },
      client: { file: 'boundaries/client.ts' },
    },
    {
      name: 'loss',
      shows: 'Every send succeeds, most datagrams are lost, and only the kernel has counted them.',
      transport: 'udp',
      server: { file: 'loss/server.ts' },
      client: { file: 'loss/client.ts' },
    },
    {
      name: 'connected',
      shows: 'What connect() is good for without a connection: errors arrive, strangers do not.',
      transport: 'udp',
      server: { file: 'connected/server.ts' },
      client: { file: 'connected/client.ts' },
    },
    {
      name: 'size',
      shows: 'The largest datagram, the error one byte later, and the price of fragments.',
      transport: 'udp',
      server: { file: 'size/server.ts' },
      client: { file: 'size/client.ts' },
    },
    {
      name: 'one-to-many',
      shows: 'One datagram heard by three: broadcast, which needs permission, and multicast.',
      transport: 'udp',
      needs: 'linux',
      server: { file: 'one-to-many/server.ts' },
      client: { file: 'one-to-many/client.ts' },
    },
    {
      name: 'dns',
      shows:
        'A name server by hand: a question over UDP, and over TCP when the answer is too long.',
      transport: 'udp',
      alsoOverTcp: true,
      server: { file: 'dns/server.ts' },
      client: { file: 'dns/client.ts' },
    },
  ],
  exercises: ['udp-echo', 'count-loss', 'dns-answer'],
} satisfies Chapter
