/**
 * `language-tag`: one BCP 47 tag in canonical form (RFC 5646 §4.5, as ECMA-402 does it: `iw` becomes
 * `he`). Takes `_` for `-`, a POSIX charset at the end, and the Windows LCIDs below. Words such as
 * `English`, which a parser takes for a registered language, are refused; so are lists with weights.
 */
import { remember, textRule } from './normaliser.ts';
import type { Outcome } from './normaliser.ts';

/** LCIDs that directories still send ([MS-LCID]), by number. */
const lcids: ReadonlyMap<number, string> = new Map([
  ...([
    [1025, 'ar-SA'],
    [1026, 'bg-BG'],
    [1027, 'ca-ES'],
    [1028, 'zh-TW'],
  ] as const),
  ...([
    [1029, 'cs-CZ'],
    [1030, 'da-DK'],
    [1031, 'de-DE'],
    [1032, 'el-GR'],
  ] as const),
  ...([
    [1033, 'en-US'],
    [1034, 'es-ES'],
    [1035, 'fi-FI'],
    [1036, 'fr-FR'],
  ] as const),
  ...([
    [1037, 'he-IL'],
    [1038, 'hu-HU'],
    [1039, 'is-IS'],
    [1040, 'it-IT'],
  ] as const),
  ...([
    [1041, 'ja-JP'],
    [1042, 'ko-KR'],
    [1043, 'nl-NL'],
    [1044, 'nb-NO'],
  ] as const),
  ...([
    [1045, 'pl-PL'],
    [1046, 'pt-BR'],
    [1048, 'ro-RO'],
    [1049, 'ru-RU'],
  ] as const),
  ...([
    [1050, 'hr-HR'],
    [1051, 'sk-SK'],
    [1053, 'sv-SE'],
    [1054, 'th-TH'],
  ] as const),
  ...([
    [1055, 'tr-TR'],
    [1057, 'id-ID'],
    [1058, 'uk-UA'],
    [1060, 'sl-SI'],
  ] as const),
  ...([
    [1061, 'et-EE'],
    [1062, 'lv-LV'],
    [1063, 'lt-LT'],
    [1065, 'fa-IR'],
  ] as const),
  ...([
    [1066, 'vi-VN'],
    [1081, 'hi-IN'],
    [1086, 'ms-MY'],
    [2052, 'zh-CN'],
  ] as const),
  ...([
    [2055, 'de-CH'],
    [2057, 'en-GB'],
    [2058, 'es-MX'],
    [2060, 'fr-BE'],
  ] as const),
  ...([
    [2064, 'it-CH'],
    [2067, 'nl-BE'],
    [2068, 'nn-NO'],
    [2070, 'pt-PT'],
  ] as const),
  ...([
    [3076, 'zh-HK'],
    [3079, 'de-AT'],
    [3081, 'en-AU'],
    [3082, 'es-ES'],
  ] as const),
  ...([
    [3084, 'fr-CA'],
    [4100, 'zh-SG'],
    [4105, 'en-CA'],
    [4108, 'fr-CH'],
  ] as const),
  ...([
    [5129, 'en-NZ'],
    [6153, 'en-IE'],
    [7177, 'en-ZA'],
    [16393, 'en-IN'],
  ] as const),
]);

const lengthMax = 100;
const posixCharset = /\.[A-Za-z0-9-]{1,20}$/;
/** A language of two or three letters: RFC 5646 reserves four, and has registered none of five to eight. */
const plausible = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*$/;

const tag = (text: string): Outcome => {
  if (text.length > lengthMax) return { problem: 'is no language tag' };
  const written = text.trim();
  if (/^(?:[0-9]{4,5}|0x[0-9a-f]{4})$/i.test(written)) {
    const known = lcids.get(Number(written));
    return known === undefined ? { problem: 'is no known LCID' } : { value: known };
  }
  const hyphened = written.replace(posixCharset, '').replaceAll('_', '-');
  if (!plausible.test(hyphened)) return { problem: 'is no language tag such as en-GB' };
  try {
    const [canonical] = Intl.getCanonicalLocales(hyphened);
    return canonical === undefined ? { problem: 'is no language tag' } : { value: canonical };
  } catch {
    return { problem: 'is no language tag such as en-GB' };
  }
};

export const languageTag = textRule({
  name: 'language-tag',
  title: 'a language as BCP 47 tag',
  make: () => remember(1_000, tag),
});
