import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { ROOT } from '#lib/catalogue/index.ts'
import { isolation } from '#lib/kernel/isolation.ts'
import { WITHOUT_TRACEFS } from '../support/without-tracefs.ts'
import type { Environment } from './environments.ts'

/** Environments are made of namespaces, and of root's right to give up rights. */
export const canEnter: boolean =
  isolation()?.by === 'root' && spawnSync('setpriv', ['--reuid=65534', 'true']).status === 0

const NOT_COPIED = new Set(['node_modules', '.git', 'dist', 'workspace', 'coverage'])

/** The files of the checkout, as an archive has them: without `.git`. */
export function copyOfKit(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'kit-environments-'))
  for (const name of readdirSync(ROOT))
    if (!NOT_COPIED.has(name)) cpSync(join(ROOT, name), join(path, name), { recursive: true })
  mkdirSync(join(path, 'node_modules'))
  execFileSync('chmod', ['-R', 'go=u-w', path])
  return { path, remove: () => rmSync(path, { recursive: true }) }
}

/**
 * Builds the environment and becomes the command. What is mounted is gone with it, and so is every
 * process: it is in a process namespace. The files are a copy in memory, as they may be changed.
 */
const BUILD = `
set -e
copy=$1 packages=$2 folder=$3 setup=$4 parameters=$5 options=$6 node=$7
shift 7
mount -t tmpfs -o mode=755 none /srv
KIT=/srv/$folder
mkdir "$KIT" /srv/home /srv/bin
cp -R "$copy/." "$KIT"
# Under a path of its own: it may be in a folder that only root may enter.
touch /srv/bin/node
mount --bind "$node" /srv/bin/node
chmod 777 /srv/home
echo "$parameters" | while read -r name value; do
  [ -z "$name" ] || echo "$value" >"/proc/sys/net/$name"
done
eval "$setup"
case $options in *read-only*)
  mount --bind "$KIT" "$KIT"
  mount -o remount,bind,ro "$KIT"
esac
# Only now, and read-only: they are the packages of this checkout itself, and no setup may change those.
mount --bind "$packages" "$KIT/node_modules"
mount -o remount,bind,ro "$KIT/node_modules"
case $options in *no-user-namespaces*) echo 0 >/proc/sys/user/max_user_namespaces ;; esac
cd "$KIT"
case $options in
*no-user-namespaces*) exec setpriv --ambient-caps=-all --inh-caps=-all -- "$@" ;;
*nobody*)
  exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all -- "$@" ;;
*without-kill*)
  exec setpriv --bounding-set=-kill --inh-caps=-all -- "$@"
esac
exec "$@"
`

/** A user namespace, with capabilities until the command begins, because they build the rest. */
const USERS = ['--user', '--map-user=65534', '--map-group=65534', '--keep-caps']

const PRIVATE = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']

/** Runs a command in an environment, from the folder of the kit. */
export async function runIn(environment: Environment, copy: string, command: readonly string[]) {
  const { network, asNobody, withoutKill, withoutTools, withoutUserNamespaces } = environment
  const { env = {}, folder = 'kit', setup = '' } = environment
  const parameters = Object.entries(network ?? {}).map(
    ([name, value]) => `${name.replaceAll('.', '/')} ${value}`,
  )
  const options = [
    environment.isReadOnly && 'read-only',
    withoutKill && 'without-kill',
    asNobody && 'nobody',
    withoutUserNamespaces && 'no-user-namespaces',
  ]
  const [program = '', ...words] = [
    ...(withoutUserNamespaces ? [...WITHOUT_TRACEFS, 'unshare', ...USERS] : ['unshare']),
    ...PRIVATE,
    ...(network ? ['--net'] : []),
    ...['sh', '-c', BUILD, 'sh', copy, join(ROOT, 'node_modules'), folder],
    [network ? 'ip link set lo up' : '', withoutTools ? HIDE : '', setup].join('\n'),
    ...[parameters.join('\n'), options.filter(Boolean).join(' '), process.execPath],
    ...['/usr/bin/env', ...variables({ HOME: '/srv/home', ...env }, withoutTools ?? false)],
    ...command,
  ]
  return execa(program, words, { env: READER, extendEnv: false, reject: false, stdin: 'ignore' })
}

/** The administrator's folders are looked into whatever the PATH says. */
const HIDE = 'for folder in /usr/sbin /sbin; do mount -t tmpfs none "$folder"; done'

/** The Node that runs the tests, in an environment. */
export const NODE = '/srv/bin/node'

const READER = {
  PATH: `/srv/bin:${process.env.PATH ?? ''}`,
  LANG: 'C.UTF-8',
  TERM: 'xterm-256color',
}

/** Words of env(1). */
function variables(env: Environment['env'] & object, withoutTools: boolean): string[] {
  const all = Object.entries({ ...env, ...(withoutTools && { PATH: '/srv/bin' }) })
  const unset = all.flatMap(([name, value]) => (value === undefined ? ['-u', name] : []))
  return [
    ...unset,
    ...all.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
  ]
}
