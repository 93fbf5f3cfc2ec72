import type { Chapter } from '../../lib/catalogue/types.ts'

export default {
  id: '06',
  title: 'Shutdown',
  promise: 'End a connection, and a server, without losing a byte and without leaving one behind.',
  examples: [
    {
      name: 'half-close',
      shows: 'An answer after the FIN: it arrives with allowHalfOpen, and is lost without.',
      transport: 'tcp',
      port: 7060,
      server: { file: 'half-close/server.ts' },
      client: { file: 'half-close/client.ts' },
    },
    {
      name: 'four-or-three',
      shows: 'Closing takes four segments, or three: it depends on when the other side closes.',
      transport: 'tcp',
      port: 7061,
      needs: 'linux',
      server: { file: 'four-or-three/server.ts' },
      client: { file: 'four-or-three/client.ts' },
    },
    {
      name: 'end-destroy-reset',
      shows: 'Three ways to leave, and what the other side sees of each.',
      transport: 'tcp',
      port: 7062,
      server: { file: 'end-destroy-reset/server.ts' },
      client: { file: 'end-destroy-reset/client.ts' },
    },
  ],
} satisfies Chapter
