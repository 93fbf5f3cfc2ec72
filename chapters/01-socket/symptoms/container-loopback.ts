/**
 * Symptom: ECONNREFUSED at 127.0.0.1 in a container, although the server runs.
 *
 *   node --import tsx chapters/01-socket/symptoms/container-loopback.ts
 *
 * A network namespace is what gives a container a network of its own. This program makes two of them:
 * "the host", in which it goes on itself, and "the container", joined to it by a pair of interfaces.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { continueInPrivateNetwork } from '#lib/kernel/private-network.ts'

const [HOST, CONTAINER] = ['10.0.0.1', '10.0.0.2']

/** Runs in the container: connects, or listens, and reports what came of it. */
const IN_CONTAINER = `
  const { connect, createServer } = require('node:net')
  process.on('message', ({ connectTo, listenOn }) => {
    if (connectTo) {
      const socket = connect(connectTo.port, connectTo.host)
      socket.once('error', error => process.send(error.message))
      socket.once('connect', () => process.send('connected') && socket.destroy())
    } else {
      const server = createServer(socket => socket.on('error', () => {}).end())
      server.listen(0, listenOn, () => process.send(server.address().port))
    }
  })
  process.on('disconnect', () => process.exit(0))
  process.send('ready')`

continueInPrivateNetwork(import.meta.url)
const container = spawn('unshare', ['--net', process.execPath, '-e', IN_CONTAINER], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})
await once(container, 'message')
join(container.pid!)

const server = createServer(socket => socket.on('error', () => {}).end()).listen(0, '0.0.0.0')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
console.log('the server runs on the host and listens on 0.0.0.0:')
for (const host of ['127.0.0.1', HOST]) {
  const outcome = await ask(container, { connectTo: { host, port } })
  console.log(`  the container connects to ${host}: ${outcome}`)
}

for (const listenOn of ['127.0.0.1', '0.0.0.0']) {
  const port = Number(await ask(container, { listenOn }))
  console.log(`the server runs in the container and listens on ${listenOn}:`)
  for (const host of ['127.0.0.1', CONTAINER]) {
    console.log(`  the host connects to ${host}: ${await tryConnect(port, host)}`)
  }
}
container.disconnect()
server.close()

/** Gives host and container an interface each, with a line between them, and an address. */
function join(containerPid: number): void {
  const ip = (line: string) => execFileSync('ip', line.split(' '))
  const inContainer = (line: string) =>
    execFileSync('nsenter', ['--net', `--target=${containerPid}`, 'ip', ...line.split(' ')])
  ip(`link add veth0 type veth peer name eth0 netns ${containerPid}`)
  ip(`address add ${HOST}/24 dev veth0`)
  ip('link set veth0 up')
  inContainer(`address add ${CONTAINER}/24 dev eth0`)
  inContainer('link set eth0 up')
  inContainer('link set lo up')
}

async function ask(container: ChildProcess, question: object): Promise<unknown> {
  container.send(question)
  return (await once(container, 'message'))[0]
}

async function tryConnect(port: number, host: string): Promise<string> {
  const socket = connect(port, host)
  return once(socket, 'connect')
    .then(
      () => 'connected',
      (error: Error) => error.message,
    )
    .finally(() => socket.destroy())
}
