/** Compiles rules of safety with the real schemas, for the tests of policy. */
import type { z } from 'zod';
import { coreTypes, ruleName } from '../../src/identity/scim/schemas.ts';
import { emptyView } from '../../src/identity/scim/view.ts';
import { compileGuard, type CompiledGuard } from '../../src/policy/compile-guards.ts';
import { compilePrivileged, type CompiledPrivileged } from '../../src/policy/compile-privileged.ts';
import { compileProtection, type CompiledProtection } from '../../src/policy/compile-protection.ts';
import {
  guardSettings,
  privilegedSettings,
  protectionSettings,
} from '../../src/policy/safety-settings.ts';
import type { SafetyTools } from '../../src/policy/safety-tools.ts';

type Told = Readonly<{ problems: readonly string[] }>;

const tools = (problems: string[]): SafetyTools => ({
  problem: (path, message) => problems.push(`${path.join('.')}: ${message}`),
  view: emptyView,
  resolveName: ruleName,
  near: () => '',
  digest: (value) => JSON.stringify(value),
});

export const guardFrom = (
  written: Partial<z.input<typeof guardSettings>>,
): CompiledGuard & Told => {
  const problems: string[] = [];
  const settings = guardSettings.parse({ name: 'g', ...written });
  return { ...compileGuard(settings, coreTypes, ['g'], tools(problems)), problems };
};

export const protectionFrom = (
  written: Readonly<Record<string, unknown>>,
): Readonly<{ compiled: CompiledProtection | null }> & Told => {
  const problems: string[] = [];
  const settings = protectionSettings.parse({ name: 'p', never: ['delete'], ...written });
  return { compiled: compileProtection(settings, coreTypes, ['p'], tools(problems)), problems };
};

export const privilegedFrom = (
  written: z.input<typeof privilegedSettings>,
): CompiledPrivileged & Told => {
  const problems: string[] = [];
  const settings = privilegedSettings.parse(written);
  return { ...compilePrivileged(settings, coreTypes, ['v'], tools(problems)), problems };
};
