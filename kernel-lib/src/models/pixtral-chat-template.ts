/**
 * Mistral's chat format as Pixtral reads it: [INST] around a user's turn, [IMG] for a picture, the answer right after
 * [/INST] and closed by the end token. A system turn opens the user turn that follows it.
 */
export const PIXTRAL_CHAT_TEMPLATE = `{{- bos_token }}{%- set held = namespace(text='') %}
{%- for message in messages %}
{%- if message.role == 'system' %}{%- set held.text = message.content + '\\n\\n' %}
{%- elif message.role == 'user' %}{{- '[INST]' + held.text }}{%- set held.text = '' %}
{%- if message.content is string %}{{- message.content }}
{%- else %}{%- for part in message.content %}{%- if part.type == 'image' %}{{- '[IMG]' }}{%- else %}{{- part.text }}{%- endif %}{%- endfor %}
{%- endif %}{{- '[/INST]' }}
{%- else %}{{- message.content + eos_token }}
{%- endif %}
{%- endfor %}`;
