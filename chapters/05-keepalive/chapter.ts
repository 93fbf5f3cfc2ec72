import type { Chapter } from '../../lib/catalogue/types.ts'

export default {
  id: '05',
  title: 'Keepalive',
  promise: 'Keep a connection as long as it is of use, and notice when the other end has gone.',
  examples: [
    {
      name: 'tcp-keepalive',
      shows:
        'What setKeepAlive() really sets: under a second, nothing; and who hears of the probes.',
      transport: 'tcp',
      port: 7050,
      server: { file: 'tcp-keepalive/server.ts' },
      client: { file: 'tcp-keepalive/client.ts' },
    },
  ],
} satisfies Chapter
