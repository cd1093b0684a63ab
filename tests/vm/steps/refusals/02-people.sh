open_up $INSTALLED # root may have it in a folder of its own
nobody="setpriv --reuid=65534 --regid=65534"
try user $nobody --clear-groups regtap read -t mem 0xFED000F0
try user-record $nobody --clear-groups regtap record -t mem 0xFED000F0 --samples 10 -o user
try user-pci $nobody --clear-groups regtap read -t "pci:$(pci $EDU)/bar0" 0x0
chgrp 15 /dev/mem
chmod 640 /dev/mem
try kmem $nobody --groups=15 regtap read -t mem 0xFED000F0
try kmem-out $nobody --clear-groups regtap read -t mem 0xFED000F0
try weak-root setpriv --bounding-set=-sys_rawio regtap read -t mem 0xFED000F0
