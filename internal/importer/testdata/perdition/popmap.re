# pattern: server
^[a-m]: mail1.lan
^[n-z]: mail2.lan:1143
joe: joseph@mail2.lan
(.*)@(.*): $1_$2@mail1.lan
info@example.com: mail1.lan
