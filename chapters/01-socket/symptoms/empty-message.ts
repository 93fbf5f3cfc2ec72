/**
 * Symptom: connecting fails, and the error has no message.
 *
 *   node --import tsx chapters/01-socket/symptoms/empty-message.ts
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'

if (
  !Object.values(networkInterfaces()).some(all => all?.some(({ address }) => address === '::1'))
) {
  console.log('skipped: needs IPv6, and no interface has the address ::1')
  process.exit(0)
}

// A port that was free a moment ago: no server listens there.
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
await new Promise(resolve => server.close(resolve))

// In place of the resolver: a name with two addresses, like `localhost` on many machines.
const ADDRESSES = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
]
const lookup: LookupFunction = (_name, { all }, callback) => {
  if (all) callback(null, ADDRESSES)
  else callback(null, ADDRESSES[0]!.address, ADDRESSES[0]!.family)
}

for (const autoSelectFamily of [true, false]) {
  const socket = connect({ port, host: 'shop.test', lookup, autoSelectFamily })
  const error: NodeJS.ErrnoException & { errors?: Error[] } = await new Promise(resolve =>
    socket.once('error', resolve),
  )
  console.log(`autoSelectFamily: ${autoSelectFamily}`)
  console.log(`  ${error.name}, message "${error.message}", code ${error.code}`)
  // Only an AggregateError has them: one error for each address that was tried.
  for (const { message } of error.errors ?? []) console.log(`  errors: ${message}`)
}
